import type { FastifyPluginAsync } from 'fastify';
import { UsageError } from '../domain/errors';
import { requireInstalled } from '../domain/optional-packages';
import { checkDistinct } from '../domain/stream/stream';
import type { OperatorPageOptions } from './options';

/** The optional packages that the operator page needs. */
const PAGE_PACKAGES = [
  'fastify',
  '@fastify/cookie',
  'htmx.org',
  'preact',
  'preact-render-to-string',
] as const;

/**
 * Makes the operator page as a Fastify plugin: `app.register(operatorPage({ streams, kafka, temporal }), { prefix: '/ops' })`.
 * The page connects to the servers when somebody looks at it, and disconnects when the app closes. Throws a
 * {@link UsageError} if a package is not installed, or if this Node is too old for Preact.
 */
export function operatorPage(options: OperatorPageOptions): FastifyPluginAsync {
  requireInstalled('the operator page', PAGE_PACKAGES);
  if (!(process.features as { require_module?: boolean }).require_module) {
    throw new UsageError(
      `the operator page needs Node 20.19, 22.12 or later, because Preact has ES modules only; this is Node ${process.versions.node}`,
    );
  }
  checkDistinct(options.streams);
  return async (app) => {
    // The routes import optional packages, so they are loaded only when the packages are known to be there.
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- a dynamic import would need a name that Jest does not find
    const { addRoutes } = require('./routes') as typeof import('./routes');
    await addRoutes(app, options);
  };
}
