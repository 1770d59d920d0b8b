import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStream, DeliveryError, fileSystemSink } from '../../index';
import type { Sink, Stream, WriteContext } from '../../index';

const payment = z.object({
  id: z.string().min(1),
  customer: z.email(),
  amount: z.number().positive(),
});
export type Payment = z.output<typeof payment>;

/** Begins the names of a run's stream, topics and folder. The start time of the run follows. */
const PREFIX = 'try-';
/** The start time has eight digits in base 36 until the year 2059, so that names sort by time. */
const NAME = /^try-[0-9a-z]{8}$/;
/** Stands for the stream of the newest run. */
const NEWEST = 'try';
/** Holds the folders of all runs, below the working directory. */
export const TRY_FOLDER = '.cloudsync';

export function newTryName(): string {
  return `${PREFIX}${Date.now().toString(36)}`;
}

/** Gives the folder of a run. */
export function tryDirectory(name: string): string {
  return join(TRY_FOLDER, name);
}

/** Finds the stream of a run in the working directory, by its name or as the newest. */
export function triedStream(name: string): Stream<Payment> | undefined {
  if (name !== NEWEST && !NAME.test(name)) return undefined;
  const runs = existsSync(TRY_FOLDER) ? readdirSync(TRY_FOLDER).filter(isRun) : [];
  const run = name === NEWEST ? runs.sort().at(-1) : runs.find((one) => one === name);
  return run === undefined ? undefined : tryStream(run);
}

/** A run that has sent nothing has no file of accounts. */
function isRun(name: string): boolean {
  return NAME.test(name) && existsSync(accountsFile(name));
}

/** Gives the file of customers whose payments the sink takes, one a line. */
export function accountsFile(name: string): string {
  return join(tryDirectory(name), 'accounts.txt');
}

/** Defines the stream of a run: payments into files, by a sink that fails on demand. */
export function tryStream(name: string): Stream<Payment> {
  return defineStream({
    name,
    topic: name,
    schema: payment,
    sink: payments(name),
  });
}

/** Puts files behind a stand-in for a payment service, which has accounts, is away at times, and asks for pauses. */
function payments(name: string): Sink<Payment> {
  const files = fileSystemSink({ directory: join(tryDirectory(name), 'payments') });
  /** Counts the calls for each payment. */
  const calls = new Map<string, number>();
  return {
    ...files,
    async write(record, context: WriteContext) {
      const { messageId, message } = record;
      const call = (calls.get(messageId) ?? 0) + 1;
      calls.set(messageId, call);
      if (messageId === 'p-2' && call < 3) {
        throw new DeliveryError('Transient', 'the payment service does not answer');
      }
      if (messageId === 'p-3' && call < 2) {
        const pause = { retryAfterMs: 1_000 };
        throw new DeliveryError('Throttled', 'the payment service asks for a pause', pause);
      }
      const file = accountsFile(name);
      if (!readFileSync(file, 'utf8').split(/\r?\n/).includes(message.customer)) {
        const missing = `no account of ${message.customer}: add it to ${file}`;
        throw new DeliveryError('Permanent', missing);
      }
      return files.write(record, context);
    },
  };
}
