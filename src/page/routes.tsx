import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ProblemError } from '../http/problem';
import { createKafka } from '../kafka/kafka';
import { createLogger } from '../telemetry/logger';
import { addActions } from './act';
import { addAssets } from './assets';
import { readLetter } from './data/letter';
import { LetterIndexes } from './data/letter-indexes';
import { PageData } from './data/page-data';
import { TemporalLink } from './data/temporal-link';
import { answerPageErrors } from './errors';
import { readForms } from './forms';
import { GroupSampler } from './history/group-sampler';
import { Histories } from './history/histories';
import { addLogin } from './login';
import type { OperatorPageOptions } from './options';
import { SCREENS } from './screens';
import { letterPlace } from './screens/dead-letter';
import { historyInput } from './screens/stream';
import { createGuard } from './security/guard';
import { addSecurityHeaders } from './security/headers';
import { foreignWrite } from './security/same-origin';
import { addScreen, admit, inputOf, parsed } from './show';
import { Site } from './site';

/** A person waits, so a question to Kafka is repeated for a few seconds only. */
const KAFKA_RETRY = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 3 };

/** A question of the page itself comes again in 5 s. */
const SAMPLE_RETRY = { ...KAFKA_RETRY, retries: 1 };

/** Adds everything that the page answers to the scope of the plugin. */
export async function addRoutes(app: FastifyInstance, options: OperatorPageOptions): Promise<void> {
  const logger = options.logger ?? createLogger('warn');
  const guard = createGuard(options);
  const temporal = new TemporalLink(options.temporal, logger);
  app.addHook('onClose', () => temporal.close());
  const kafka = createKafka(options.kafka, logger, KAFKA_RETRY);
  // What the page asks by itself says once that it fails. kafkajs would say it with every try.
  const quietKafka = createKafka(options.kafka, logger.child({}, { level: 'error' }), SAMPLE_RETRY);
  const indexes = new LetterIndexes(quietKafka, logger, (...letter) =>
    histories.addLetter(...letter),
  );
  app.addHook('onClose', () => indexes.close());
  const sampler = new GroupSampler(quietKafka);
  const histories = new Histories(options.streams, sampler, indexes, logger);
  app.addHook('onListen', () => histories.start());
  app.addHook('onClose', () => histories.close());
  const data = new PageData(options.streams, kafka, temporal, indexes);
  app.addHook('onClose', () => data.close());
  if (!app.hasReplyDecorator('setCookie')) await app.register(cookie);
  readForms(app);
  addSecurityHeaders(app);
  app.addHook('onRequest', (request, _, done) => done(foreignWrite(request)));
  const site = new Site(options, guard, addAssets(app), app.prefix);
  answerPageErrors(app, site);
  if (site.guard.hasLogin) addLogin(app, site);
  for (const screen of SCREENS) addScreen(app, site, data, screen);
  if (!options.readOnly) addActions(app, site, data);
  addDownload(app, site, data);
  addHistory(app, site, data, histories);
}

/** Adds the download of a value. The browser stores the bytes, and never shows them as a page. */
function addDownload(app: FastifyInstance, site: Site, data: PageData): void {
  app.get('/dead-letters/:stream/:partition/:offset/value', async (request, reply) => {
    await admit(site, request, 'viewValue');
    const place = parsed(letterPlace, request.params);
    const value = (await readLetter(data, place))?.record.value;
    if (!value) throw new ProblemError(404, 'No dead letter with a value lies there.');
    return sendFile(reply, Object.values(place).join('-'), value);
  });
}

/** Adds the numbers of a stream's plots, which are JSON for everybody. */
function addHistory(app: FastifyInstance, site: Site, data: PageData, histories: Histories): void {
  app.get('/streams/:name/history', async (request) => {
    await admit(site, request, 'view');
    const { name, partition } = parsed(historyInput, inputOf(request));
    const stream = data.stream(name);
    if (!stream) throw new ProblemError(404, `There is no stream ${name}.`);
    return histories.of(stream, partition);
  });
}

function sendFile(reply: FastifyReply, name: string, content: Buffer): FastifyReply {
  return reply
    .header('content-disposition', `attachment; filename="${name}.bin"`)
    .type('application/octet-stream')
    .send(content);
}
