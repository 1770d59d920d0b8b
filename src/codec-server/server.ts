import type { PayloadCodec } from '@temporalio/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createAdmission } from '../http/admission';
import { answerErrors, answerMalformed } from '../http/answer-errors';
import { PROBLEM_TYPE, ProblemError } from '../http/problem';
import { readiness } from '../http/health-server';
import type { Logger } from '../telemetry/logger';
import { DecryptionError } from '../temporal/encryption/encryption-codec';
import { payloadsFromJson, payloadsToJson } from './payloads-json';
import type { CodecSettings } from '../settings/codec-server';

export interface CodecServerOptions extends Pick<CodecSettings, 'origins' | 'tokens'> {
  codec: PayloadCodec;
  logger: Logger;
  /** The present faults, for `/readyz`. */
  faults: () => Record<string, string>;
}

/** The optional packages that the codec server needs. */
export const CODEC_PACKAGES = ['fastify', '@fastify/cors', '@fastify/helmet'] as const;

/** Temporal accepts payloads of 2 MiB. Base64 adds a third, and a request holds several payloads. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Creates the HTTP server for Temporal's protocol of remote codecs. The server does not listen yet.
 * `POST …/encode` and `POST …/decode`, below any path, accept and return `{"payloads": […]}`. The server decrypts
 * whatever an admitted caller sends. The header `X-Namespace` is logged and has no other effect, because the keys
 * are those of all namespaces.
 */
export async function createCodecServer(options: CodecServerOptions): Promise<FastifyInstance> {
  const { origins, tokens, faults } = options;
  const [{ fastify, LogController }, { default: cors }, { default: helmet }] = await Promise.all([
    import('fastify'),
    import('@fastify/cors'),
    import('@fastify/helmet'),
  ]);
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: 10_000 },
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
    notFound: 'payloads go to POST /encode and POST /decode',
    contentTypes: ['application/json'],
  });
  app.removeContentTypeParser('text/plain');
  await app.register(helmet, { strictTransportSecurity: false });
  app.addHook('onRequest', (request, _, done) => done(foreignPage(request, origins)));
  await app.register(cors, {
    origin: origins,
    methods: ['POST'],
    allowedHeaders: ['authorization', 'authorization-extras', 'content-type', 'x-namespace'],
    // For a proxy in front that recognizes people by a cookie.
    credentials: true,
    maxAge: 600,
  });
  app.get('/livez', () => ({ live: true }));
  app.get('/readyz', (_, reply) => {
    const found = readiness({ faults });
    return reply.code(found.ready ? 200 : 503).send(found);
  });
  addCodec(app, options, createAdmission(tokens));
  return app;
}

/**
 * Refuses a page of another origin. CORS withholds only the answer; the page could still make this server work.
 */
function foreignPage({ headers }: FastifyRequest, origins: string[]): ProblemError | undefined {
  if (headers.origin === undefined || origins.includes(headers.origin)) return undefined;
  return new ProblemError(403, 'pages of this origin are not let in: see CLOUDSYNC_CODEC_ORIGINS');
}

function addCodec(
  app: FastifyInstance,
  { codec, logger }: CodecServerOptions,
  refusal: ReturnType<typeof createAdmission>,
): void {
  app.post('/*', {
    // Callers are refused before the body is read.
    onRequest: (request, _, done) => done(refusal(request)),
    handler: async (request, reply) => {
      // The part of the URL before the action may name the mount path and the namespace.
      const action = request.url.split('?')[0]!.split('/').at(-1);
      if (action !== 'encode' && action !== 'decode') return reply.callNotFound();
      const payloads = payloadsFromJson(request.body);
      if (typeof payloads === 'string') {
        throw new ProblemError(400, `the body is not {"payloads": […]}: ${payloads}`);
      }
      const namespace = request.headers['x-namespace'];
      logger.info({ action, namespace, payloads: payloads.length }, 'Payloads for a caller');
      try {
        void reply.header('cache-control', 'no-store');
        return payloadsToJson(await codec[action](payloads));
      } catch (error) {
        if (!(error instanceof DecryptionError)) throw error;
        throw new ProblemError(422, error.message);
      }
    },
  });
}
