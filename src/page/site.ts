import type { FastifyRequest } from 'fastify';
import { workflowUrl } from '../temporal/workflow-url';
import type { Assets } from './assets';
import { Links } from './links';
import type { OperatorPageOptions } from './options';
import type { Guard } from './security/guard';
import type { PageContext } from './views/context';

/** What all requests of one page share. */
export class Site {
  readonly links: Links;

  /** `prefix`: the path below which the page is registered. */
  constructor(
    private readonly options: OperatorPageOptions,
    readonly guard: Guard,
    private readonly assets: Assets,
    prefix: string,
  ) {
    this.links = new Links(prefix.replace(/\/+$/, ''));
  }

  /** What the view of a request needs. `isLetIn`: whether the guard has let the request in. */
  contextOf(request: FastifyRequest, isLetIn = true): PageContext {
    const { streams, readOnly = false, temporalUi, temporal, grafana } = this.options;
    return {
      ...{ links: this.links, assets: this.assets, readOnly },
      streams: streams.map(({ name }) => name),
      ...{ hasLogin: isLetIn && this.guard.hasLogin, address: request.url },
      user: isLetIn ? this.guard.userOf(request) : '',
      dashboardUrl: (stream) => grafana && dashboardUrl(grafana, stream),
      workflowUrl: (run) => temporalUi && workflowUrl(temporalUi, temporal.namespace, run),
    };
  }
}

/** The dashboard of one stream. The dashboard of `deploy/grafana` has the variable `stream`. */
function dashboardUrl(grafana: string, stream: string): string {
  const url = new URL(grafana);
  url.searchParams.set('var-stream', stream);
  return url.href;
}

/** Whether a program asks, which gets JSON. A browser names HTML among the types that it accepts. */
export function wantsJson({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const { accept = '' } = headers;
  return accept.includes('application/json') && !accept.includes('text/html');
}
