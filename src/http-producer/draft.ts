import type { TraceContext } from '../domain/record/trace-context';
import type { Rejection } from '../http/problem';

/** What a request offers for one record, before the stream's checks; or why it can be none. */
export type Draft = { value: Buffer; trace?: TraceContext } | Omit<Rejection, 'index'>;
