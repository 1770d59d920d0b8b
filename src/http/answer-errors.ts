import type { FastifyError, FastifyInstance } from 'fastify';
import { STATUS_CODES } from 'node:http';
import { PROBLEM_TYPE, ProblemError, problemOf } from './problem';

/**
 * Answers every error as problem details. An internal error goes to the log; the client does not see its text.
 */
export function answerErrors(
  app: FastifyInstance,
  { notFound, contentTypes }: { notFound: string; contentTypes: string[] },
): void {
  app.setErrorHandler<FastifyError | ProblemError>((error, request, reply) => {
    const problem = error instanceof ProblemError ? error : fromFramework(error, contentTypes);
    if (problem.status === 500) request.log.error({ err: error }, 'A request failed');
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type(PROBLEM_TYPE)
      .send(JSON.stringify(problemOf(problem)));
  });
  app.setNotFoundHandler(() => {
    throw new ProblemError(404, notFound);
  });
}

/** The answer to bytes that did not become a request: malformed, too large or too slow. */
export function answerMalformed(error: { code?: string }) {
  const { status, detail } = MALFORMED[error.code ?? ''] ?? {
    status: 400,
    detail: 'the request is not well-formed',
  };
  const body = JSON.stringify(problemOf({ status, detail }));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '\r\n',
  ].join('\r\n');
  return { status, head, body };
}

const MALFORMED: Record<string, { status: number; detail: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'the request took too long to arrive' },
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'the headers are too large' },
};

function fromFramework({ code, statusCode }: FastifyError, contentTypes: string[]): ProblemError {
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError(413, 'the body is too large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ProblemError(415, `content-type must be one of ${contentTypes.join(', ')}`, {
        accept: contentTypes.join(', '),
      });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new ProblemError(400, 'the body is not as long as content-length says');
    default:
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500
        ? new ProblemError(statusCode, 'the request is not well-formed')
        : new ProblemError(500, 'something went wrong here; the log has it');
  }
}
