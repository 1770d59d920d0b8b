import type { FastifyPluginAsync } from 'fastify';
import { UsageError } from '../domain/errors';
import { requireInstalled } from '../domain/optional-packages';
import { checkDistinct } from '../domain/stream/stream';
import type { OperatorPageOptions } from './options';
import type { addRoutes } from './routes';

/** The optional packages that the operator page needs. */
export const PAGE_PACKAGES = [
  'fastify',
  '@fastify/cookie',
  'htmx.org',
  'preact',
  'preact-render-to-string',
  'uplot',
] as const;

/**
 * Makes the operator page as a Fastify plugin: `app.register(operatorPage({ streams, kafka, temporal }), { prefix: '/ops' })`.
 * From the time when the app listens, the page samples the streams for its plots and reads their dead letters. It asks for the
 * rest when somebody looks at it, and disconnects when the app closes. Throws a
 * {@link UsageError} if a package is not installed, or if this Node is too old for Preact.
 */
export function operatorPage(options: OperatorPageOptions): FastifyPluginAsync {
  requireInstalled('the operator page', PAGE_PACKAGES);
  checkDistinct(options.streams);
  const routes = loadRoutes();
  return (app) => routes.addRoutes(app, options);
}

/** Loads the part that imports optional packages, when they are known to be there. */
function loadRoutes(): { addRoutes: typeof addRoutes } {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- a dynamic import needs an ending, which Jest does not find
    return require('./routes') as { addRoutes: typeof addRoutes };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_REQUIRE_ESM') throw error;
    throw new UsageError(
      `the operator page needs Node 20.19, 22.12 or later, because Preact has ES modules only; this is Node ${process.versions.node}`,
      { cause: error },
    );
  }
}
