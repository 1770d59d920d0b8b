import { STATUS_CODES } from 'node:http';

/** A record of the request that was rejected. */
export interface Rejection {
  /** Position among the messages of the request, from 0. */
  index: number;
  code: RejectionCode;
  detail: string;
}

export type RejectionCode =
  | 'InvalidJson'
  | 'SchemaMismatch'
  | 'InvalidMessageId'
  | 'Filtered'
  | 'FilterFailed'
  | 'InvalidCloudEvent'
  | 'RecordTooLarge'
  | 'NotAcknowledged';

/** The body of every error: RFC 9457, `application/problem+json`. */
export interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  errors?: Rejection[];
}

/** An error that is answered as problem details. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly status: number,
    readonly detail: string,
    readonly headers: Record<string, string> = {},
    readonly errors?: Rejection[],
  ) {
    super(detail);
  }
}

export const PROBLEM_TYPE = 'application/problem+json';

export function problemOf({
  status,
  detail,
  errors,
}: Pick<ProblemError, 'status' | 'detail'> & { errors?: Rejection[] | undefined }): Problem {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, detail, ...(errors && { errors }) };
}
