import { ServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { pino, type Logger } from 'pino';
import type { Counter } from 'prom-client';
import type { Lane } from '../../../src/bridge/lane';

/** A promise that the test settles. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Waits until all code has run that needs no timer. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Polls until the condition holds. The deadline only ends a test that would never end. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + 4_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface StartOptions {
  workflowId: string;
  taskQueue: string;
  args: unknown[];
  memo: Record<string, unknown>;
  [name: string]: unknown;
}

/** Creates the part of Temporal's client that the bridge uses. It knows no workflow unless the test gives `describe`. */
export function fakeClient(given: {
  start?: (type: string, options: StartOptions) => Promise<{ eagerlyStarted: boolean }>;
  describe?: (
    workflowId: string,
  ) => Promise<{ status?: { name: string }; memo?: Record<string, unknown> }>;
}): Client {
  const { start, describe } = given;
  return {
    options: { loadedDataConverter: { payloadCodecs: [] } },
    workflow: {
      start: start ?? (() => Promise.resolve({ eagerlyStarted: true })),
      getHandle: (workflowId: string) => ({
        describe: () =>
          describe?.(workflowId) ??
          Promise.reject(new WorkflowNotFoundError('not found', workflowId, undefined)),
      }),
    },
  } as unknown as Client;
}

/** Creates the error that Temporal's client throws when the server answers with this gRPC status. */
export function serviceError(code: number, details = 'as the server says'): ServiceError {
  return new ServiceError('Failed to start Workflow', {
    cause: Object.assign(new Error(details), { code }),
  });
}

export type LogLine = { level: number; msg: string } & Record<string, unknown>;

/** Creates a logger that keeps its lines. */
export function keepingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as LogLine);
  return { logger: pino({ level: 'debug' }, { write }), lines };
}

/** Returns a counter's values by their label values, for example `a/b`. */
export async function counts(counter: Counter): Promise<Record<string, number>> {
  const { values } = await counter.get();
  return Object.fromEntries(
    values.map(({ labels, value }) => [Object.values(labels).join('/'), value]),
  );
}

/** Creates a lane that starts nothing, unless the test gives its own methods. */
export function fakeLane(given: Partial<Lane> = {}): Lane {
  return {
    accept: () => undefined,
    dropRevoked: () => undefined,
    stop: () => Promise.resolve(),
    inFlightCount: 0,
    ...given,
  };
}
