import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AnyStream } from '../domain/stream/stream';
import { readiness } from '../http/health-server';
import type { Logger } from '../telemetry/logger';
import { createAdmission } from '../http/admission';
import { answerErrors, answerMalformed } from '../http/answer-errors';
import { CONTENT_TYPES } from './drafts';
import { ingest, queueFull, type IngestDependencies } from './ingest';
import { openApiDocument } from './openapi';
import { inflated } from './inflate';
import { PROBLEM_TYPE, ProblemError } from '../http/problem';
import { Room } from './room';
import type { TokenHash } from '../http/tokens';

export interface ApiServerOptions extends IngestDependencies {
  /** Streams of the topic. */
  streams: AnyStream[];
  tokens: TokenHash[];
  requestTimeoutMs: number;
  logger: Logger;
  /** The present faults, for `/readyz`. */
  faults: () => Record<string, string>;
  stopping: () => boolean;
}

/** The optional packages that the HTTP producer needs. */
export const API_PACKAGES = [
  'fastify',
  '@fastify/helmet',
  '@fastify/swagger',
  '@fastify/swagger-ui',
] as const;

const PATH = '/v1/messages';
/** How often Node looks for requests that take too long. */
const CONNECTIONS_CHECK_MS = 2_000;

/** Creates the HTTP server, which does not listen yet. */
export async function createApiServer(options: ApiServerOptions): Promise<FastifyInstance> {
  const { requestTimeoutMs, limits, metrics, stopping } = options;
  const [{ fastify, LogController }, { default: helmet }] = await Promise.all([
    import('fastify'),
    import('@fastify/helmet'),
  ]);
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: Math.min(requestTimeoutMs, 10_000),
      connectionsCheckingInterval: Math.min(requestTimeoutMs, CONNECTIONS_CHECK_MS),
    },
    // Requests that arrive on open connections are still answered; the answer closes the connection.
    return503OnClosing: false,
    frameworkErrors: (error, _, reply: FastifyReply) => {
      const { status, body } = answerMalformed(error);
      void reply.code(status).type(PROBLEM_TYPE).send(body);
    },
    clientErrorHandler(error, socket) {
      const { head, body } = answerMalformed(error);
      if (socket.writable) socket.write(head + body);
      socket.destroy(error);
    },
  }) as unknown as FastifyInstance;
  answerErrors(app, {
    notFound: 'messages go to POST /v1/messages; see /docs',
    contentTypes: CONTENT_TYPES,
  });
  app.addHook('onSend', async (_, reply) => {
    if (stopping()) reply.header('connection', 'close');
  });
  await app.register(helmet, {
    contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } },
    // Whoever adds TLS in front of this server decides for the whole host.
    strictTransportSecurity: false,
  });
  await describe(app, options);
  addHealth(app, options.faults);
  await app.register((scope, _, done) => {
    addMessages(scope, options);
    done();
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.routeOptions.url !== PATH) return;
    metrics.ingestRequests.inc({ status: String(reply.statusCode) });
    if (request.method === 'POST') metrics.ingestSeconds.observe(reply.elapsedTime / 1000);
  });
  return app;
}

function addMessages(app: FastifyInstance, options: ApiServerOptions): void {
  app.removeAllContentTypeParsers();
  const { maxBodyBytes, queueBytes } = options.limits;
  const room = new Room(queueBytes);
  app.addContentTypeParser<Buffer>(
    CONTENT_TYPES,
    { parseAs: 'buffer' },
    (request, packed, done) => {
      try {
        const body = inflated(packed, request.headers['content-encoding'], maxBodyBytes);
        done(room.take(request, body.length) ? null : queueFull(), body);
      } catch (error) {
        done(error as ProblemError);
      }
    },
  );
  // Callers are refused before the body is read.
  const admission = createAdmission(options.tokens);
  const refusal = (request: FastifyRequest) =>
    admission(request) ?? (options.producer.full ? queueFull() : undefined);
  app.addHook('onRequest', (request, reply, done) => {
    const refused = refusal(request);
    if (refused) return done(refused);
    reply.raw.once('close', () => room.release(request));
    // A body of unknown length may become as long as any.
    const bytes = Number(request.headers['content-length'] ?? maxBodyBytes);
    done(room.take(request, bytes) ? undefined : queueFull());
  });
  app.post(PATH, async (request, reply) => {
    if (!Buffer.isBuffer(request.body)) throw new ProblemError(400, 'the request has no body');
    const result = await ingest(options, request.body, request.headers);
    return reply.code(result.rejected.length === 0 ? 202 : 207).send(result);
  });
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: PATH,
    handler: () => {
      throw new ProblemError(405, 'only POST is possible here', { allow: 'POST' });
    },
  });
}

async function describe(app: FastifyInstance, { streams, tokens }: ApiServerOptions) {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
  const document = openApiDocument(streams, { secured: tokens.length > 0 });
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/openapi.json', validatorUrl: null },
    theme: {
      title: 'CloudSync',
      // The bar offers to load other addresses, which the security policy forbids.
      css: [{ filename: 'cloudsync.css', content: '.swagger-ui .topbar { display: none }' }],
    },
  });
  app.get('/openapi.json', () => document);
}

function addHealth(app: FastifyInstance, faults: ApiServerOptions['faults']): void {
  app.get('/livez', () => ({ live: true }));
  app.get('/readyz', (_, reply) => {
    const found = readiness({ faults });
    return reply.code(found.ready ? 200 : 503).send(found);
  });
}
