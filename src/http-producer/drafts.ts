import type { IncomingHttpHeaders } from 'node:http';
import { isUtf8 } from 'node:buffer';
import type { Draft } from './draft';
import { errorMessage } from '../domain/errors';
import { linesOf } from '../lib/ndjson';
import { draftOfBinary, draftOfStructured, isBinaryMode } from './cloud-event';
import { elementsOf } from '../lib/json-slices';
import { ProblemError } from '../http/problem';

type Reader = (body: Buffer, headers: IncomingHttpHeaders, maxRecords: number) => Draft[];

const READERS: Record<string, Reader> = {
  'application/json': (body, headers, maxRecords) =>
    isBinaryMode(headers)
      ? [draftOfBinary(headers, utf8(body))]
      : oneOrMany(body, maxRecords).map((value) => ({ value })),
  'application/x-ndjson': (body, _, maxRecords) => linesOfAtMost(maxRecords, body),
  'application/cloudevents+json': (body) => {
    parsed(body);
    return [draftOfStructured(body)];
  },
  'application/cloudevents-batch+json': (body, _, maxRecords) => {
    const array = parsed(body);
    if (!Array.isArray(array)) throw new ProblemError(400, 'the body is not a JSON array');
    return elementsOfAtMost(maxRecords, array, body).map(draftOfStructured);
  },
};

export const CONTENT_TYPES = Object.keys(READERS);

/** Reads the records of a request's body. Throws a {@link ProblemError} if the body holds none, or too many. */
export function draftsOf(
  body: Buffer,
  headers: IncomingHttpHeaders,
  { maxRecords }: { maxRecords: number },
): Draft[] {
  const type = headers['content-type']!.split(';')[0]!.trim().toLowerCase();
  const drafts = READERS[type]!(body, headers, maxRecords);
  if (drafts.length === 0) throw new ProblemError(400, 'the body holds no message');
  return drafts;
}

function oneOrMany(body: Buffer, maxRecords: number): Buffer[] {
  const json = parsed(body);
  return Array.isArray(json) ? elementsOfAtMost(maxRecords, json, body) : [body];
}

function linesOfAtMost(maxRecords: number, body: Buffer): Draft[] {
  const drafts: Draft[] = [];
  for (const { bytes } of linesOf(body)) {
    if (drafts.length === maxRecords) throw tooMany(maxRecords);
    drafts.push({ value: bytes });
  }
  return drafts;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(utf8(body).toString());
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw new ProblemError(400, `the body is not JSON: ${errorMessage(error).slice(0, 200)}`);
  }
}

function utf8(body: Buffer): Buffer {
  if (!isUtf8(body)) throw new ProblemError(400, 'the body is not UTF-8');
  return body;
}

/**
 * The elements are counted before they are cut out: a slice takes a hundred times the bytes of a small element.
 */
function elementsOfAtMost(maxRecords: number, array: unknown[], body: Buffer): Buffer[] {
  if (array.length > maxRecords) throw tooMany(maxRecords);
  return elementsOf(body);
}

function tooMany(maxRecords: number): ProblemError {
  return new ProblemError(413, `a request may hold ${maxRecords} messages at most`);
}
