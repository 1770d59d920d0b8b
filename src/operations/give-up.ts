import { WorkflowUpdateRPCTimeoutOrCancelledError, type Client } from '@temporalio/client';
import { Holds } from '../temporal/hold';
import { UsageError } from '../domain/errors';
import { describePosition, type RecordPosition } from '../domain/record/record';
import type { AnyStream } from '../domain/stream/stream';

/** The hash of the held key whose first dead record is `record`. Throws if no key is held by this record. */
export async function keyHeldBy(
  client: Client,
  stream: AnyStream,
  record: RecordPosition,
): Promise<string> {
  if (stream.afterDeadLetter !== 'hold') {
    throw new UsageError(`stream ${stream.name} holds no keys: its afterDeadLetter is 'continue'`);
  }
  const heads = await new Holds(client, stream).heads(record);
  for (const [keyHash, [offset]] of heads) if (offset === record.offset) return keyHash;
  throw noHead(record);
}

/**
 * Gives up the first dead record of a held key, so that the key continues without it. Resolves with the key's
 * next head, or with null if the key is no longer held.
 */
export async function giveUpHead(
  client: Client,
  stream: AnyStream,
  record: RecordPosition,
  { by, reason }: { by: string; reason: string | null },
): Promise<RecordPosition | null> {
  const keyHash = await keyHeldBy(client, stream, record);
  const holds = new Holds(client, stream);
  const { offset } = record;
  try {
    const word = { offset, by, ...(reason !== null && { reason }) };
    if (!(await holds.giveUp(record, word))) throw noHead(record);
  } catch (error) {
    if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
    const message = `no worker of stream ${stream.name} has accepted the request: start a worker and try again`;
    throw new Error(message, { cause: error });
  }
  const next = (await holds.heads(record)).get(keyHash);
  return next ? { ...record, offset: next[0] } : null;
}

function noHead(record: RecordPosition): Error {
  return new Error(`${describePosition(record)} is not the first dead record of a held key`);
}
