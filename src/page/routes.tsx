import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ProblemError } from '../http/problem';
import { createKafka } from '../kafka/kafka';
import { createLogger } from '../telemetry/logger';
import { addAssets } from './assets';
import { readLetter } from './data/letter';
import { LetterCounts } from './data/letter-counts';
import { PageData } from './data/page-data';
import { TemporalLink } from './data/temporal-link';
import { answerPageErrors } from './errors';
import { addLogin } from './login';
import type { OperatorPageOptions, PageAction } from './options';
import { render } from './render';
import { SCREENS, type AnyScreen } from './screens';
import { letterPlace } from './screens/dead-letter';
import { createGuard } from './security/guard';
import { addSecurityHeaders } from './security/headers';
import { foreignWrite } from './security/same-origin';
import { Site, wantsJson } from './site';
import { Layout } from './views/layout';

/** A person waits, so a question to Kafka is repeated for a few seconds only. */
const KAFKA_RETRY = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 3 };

/** Adds everything that the page answers to the scope of the plugin. */
export async function addRoutes(app: FastifyInstance, options: OperatorPageOptions): Promise<void> {
  const logger = options.logger ?? createLogger('warn');
  const temporal = new TemporalLink(options.temporal, logger);
  app.addHook('onClose', () => temporal.close());
  const kafka = createKafka(options.kafka, logger, KAFKA_RETRY);
  const counts = new LetterCounts(kafka, logger);
  app.addHook('onClose', () => counts.close());
  const data = new PageData(options.streams, kafka, temporal, counts);
  if (!app.hasReplyDecorator('setCookie')) await app.register(cookie);
  addSecurityHeaders(app);
  app.addHook('onRequest', (request, _, done) => done(foreignWrite(request)));
  const site = new Site(options, createGuard(options), addAssets(app), app.prefix);
  answerPageErrors(app, site);
  if (site.guard.hasLogin) addLogin(app, site);
  for (const screen of SCREENS) addScreen(app, site, data, screen);
  addDownload(app, site, data);
}

async function admit(site: Site, request: FastifyRequest, action: PageAction): Promise<void> {
  const refusal = await site.guard.refusal(request, action);
  if (refusal) throw refusal;
}

function addScreen(app: FastifyInstance, site: Site, data: PageData, screen: AnyScreen): void {
  app.get(screen.path, async (request, reply) => {
    const parsed = screen.input.safeParse(inputOf(request));
    const action = parsed.success ? screen.action?.(parsed.data) : undefined;
    // A caller who is not let in learns nothing, not even what is wrong with the address.
    await admit(site, request, action ?? 'view');
    if (!parsed.success) throw new ProblemError(400, z.prettifyError(parsed.error));
    const input: unknown = parsed.data;
    const model: unknown = await screen.load(data, input);
    if (model === undefined) {
      throw new ProblemError(404, `${screen.title(input)}: there is no such thing (any more).`);
    }
    void reply.header('vary', 'accept');
    if (wantsJson(request)) return reply.type('application/json').send(JSON.stringify(model));
    const page = site.contextOf(request);
    return reply.type('text/html; charset=utf-8').send(
      render(
        <Layout title={screen.title(input)} page={page} refreshes={screen.refreshes ?? false}>
          {screen.view(model, page, input)}
        </Layout>,
      ),
    );
  });
}

function inputOf({ params, query }: FastifyRequest): object {
  return { ...(query as object), ...(params as object) };
}

/** Adds the download of a value. The browser stores the bytes, and never shows them as a page. */
function addDownload(app: FastifyInstance, site: Site, data: PageData): void {
  app.get('/dead-letters/:stream/:partition/:offset/value', async (request, reply) => {
    await admit(site, request, 'viewValue');
    const parsed = letterPlace.safeParse(request.params);
    if (!parsed.success) throw new ProblemError(400, z.prettifyError(parsed.error));
    const value = (await readLetter(data, parsed.data))?.record.value;
    if (!value) throw new ProblemError(404, 'No dead letter with a value lies there.');
    return sendFile(reply, Object.values(parsed.data).join('-'), value);
  });
}

function sendFile(reply: FastifyReply, name: string, content: Buffer): FastifyReply {
  return reply
    .header('content-disposition', `attachment; filename="${name}.bin"`)
    .type('application/octet-stream')
    .send(content);
}
