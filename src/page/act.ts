import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errorWithCause, UsageError } from '../domain/errors';
import { ProblemError } from '../http/problem';
import { isKafkaUnreachable } from '../kafka/kafka';
import { visible } from '../lib/unprintable';
import { grpcStatus, GrpcStatus } from '../temporal/temporal';
import type { ActionContext, Done } from './actions/action';
import { ACTIONS, type AnyAction } from './actions';
import type { PageData } from './data/page-data';
import { sayDone } from './done';
import { MAX_FORM_BYTES } from './forms';
import { addScreen, admit, inputOf, parsed } from './show';
import { wantsJson, type Site } from './site';

/** Adds what people can do: at the address of each action a screen that asks, and the form's target. */
export function addActions(app: FastifyInstance, site: Site, data: PageData): void {
  for (const action of ACTIONS) {
    addScreen(app, site, data, {
      ...action,
      action: () => action.action,
      load: (...given: Parameters<AnyAction['load']>) =>
        action.load(...given).catch((error: unknown) => {
          throw problemOf(error);
        }),
    });
    addTarget(app, site, data, action);
  }
}

function addTarget(app: FastifyInstance, site: Site, data: PageData, action: AnyAction): void {
  app.post(action.path, { bodyLimit: MAX_FORM_BYTES }, async (request, reply) => {
    await admit(site, request, action.action);
    const input: unknown = parsed(action.input, inputOf(request));
    const form: unknown = parsed(action.form, formOf(request, site.guard.userOf(request)));
    const notices: string[] = [];
    const facts = { by: site.guard.userOf(request), url: request.url, notices };
    let done: Done;
    try {
      done = await action.run(contextOf(site, data, request, notices), input, form);
      request.log.info(facts, 'Acted');
    } catch (error) {
      request.log.warn({ ...facts, err: error }, 'An action was refused, or failed');
      throw problemOf(error);
    }
    await data.refresh();
    if (wantsJson(request)) {
      return reply.type('application/json').send(JSON.stringify({ ...done.result, notices }));
    }
    sayDone(request, reply, site.links, [done.text, ...notices].join(' '));
    return reply.redirect(done.to, 303);
  });
}

function contextOf(
  site: Site,
  data: PageData,
  request: FastifyRequest,
  notices: string[],
): ActionContext {
  return {
    data,
    links: site.links,
    actorOf: (stream) => ({
      ...{ kafka: data.kafka, stream, by: site.guard.userOf(request), via: 'page' },
      onNotice: (text) => notices.push(text),
    }),
  };
}

/** The form of a request. Throws a 409 if somebody else was asked: two people may share a browser. */
function formOf({ body }: FastifyRequest, user: string): object {
  const { as, ...form } = (body ?? {}) as { as?: string };
  if (as === undefined || as === visible(user)) return form;
  throw new ProblemError(
    409,
    `You are ${user} now, and this question was shown to ${as}. Nothing was done: open it again.`,
  );
}

/** What gRPC says of a server that is slow or away. */
const AWAY: number[] = [GrpcStatus.UNAVAILABLE, GrpcStatus.DEADLINE_EXCEEDED];

/** Why an action could not be done. The person who acts must learn it, so the text of the error is shown. */
function problemOf(error: unknown): unknown {
  const isKnown = error instanceof ProblemError || error instanceof UsageError;
  if (isKnown || isKafkaUnreachable(error)) return error;
  const isAway = AWAY.includes(grpcStatus(error) ?? -1);
  if (isAway) return new ProblemError(503, `Temporal does not answer: ${errorWithCause(error)}`);
  return new ProblemError(409, errorWithCause(error));
}
