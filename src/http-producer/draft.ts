import type { TraceContext } from '../domain/record/trace-context';
import type { Rejection } from '../http/problem';

/** The offer of a request for one record, before the stream's checks; or the reason why it can't be a record. */
export type Draft = { value: Buffer; trace?: TraceContext } | Omit<Rejection, 'index'>;
