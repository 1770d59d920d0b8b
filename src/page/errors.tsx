import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorMessage, errorWithCause, UsageError } from '../domain/errors';
import { isKafkaUnreachable } from '../kafka/kafka';
import { PROBLEM_TYPE, ProblemError, problemOf } from '../http/problem';
import { render } from './render';
import { wantsJson, type Site } from './site';
import { ErrorView } from './views/error';
import { Login } from './views/login';

/** Answers every error as a screen, or as problem details for a program. A person who has not logged in gets the form. */
export function answerPageErrors(app: FastifyInstance, site: Site): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = problemErrorOf(error);
    if (problem.status === 500) request.log.error({ err: error }, 'A screen failed');
    return answerProblem(problem, site, request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const problem = new ProblemError(404, 'There is no such screen: start at the overview.');
    return answerProblem(problem, site, request, reply);
  });
}

function answerProblem(
  problem: ProblemError,
  site: Site,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  void reply.code(problem.status).headers(problem.headers).header('vary', 'accept');
  if (wantsJson(request)) {
    return reply.type(PROBLEM_TYPE).send(JSON.stringify(problemOf(problem)));
  }
  const page = site.contextOf(request, false);
  void reply.type('text/html; charset=utf-8');
  if (problem.status === 401) {
    return reply.send(render(<Login page={page} next={request.url} isWrong={false} />));
  }
  const again = isRefusedAction(problem, request) ? request.url : undefined;
  return reply.send(render(<ErrorView problem={problemOf(problem)} page={page} again={again} />));
}

/** Whether a form was refused that a person may send again. Its address shows the question. */
function isRefusedAction({ status }: ProblemError, { method }: FastifyRequest): boolean {
  return method === 'POST' && [400, 409, 503].includes(status);
}

function problemErrorOf(error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof UsageError) return new ProblemError(400, error.message);
  if (isKafkaUnreachable(error)) {
    return new ProblemError(503, `Kafka does not answer: ${errorWithCause(error)}`);
  }
  const { statusCode } = error;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ProblemError(statusCode, errorMessage(error));
  }
  return new ProblemError(500, 'Something went wrong here. The log of this process has it.');
}
