import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { TortureOptions } from './options';
import type { FaultEvent } from './schedule';

export interface LoggedEvent {
  time: string;
  event: string;
  [field: string]: unknown;
}

/** The events of a run, one in each line of JSON. The first line has all that is needed to repeat the run. */
export class EventLog {
  readonly events: LoggedEvent[] = [];
  readonly #file: WriteStream;

  constructor(path: string, run: { options: TortureOptions; schedule: FaultEvent[] }) {
    this.#file = createWriteStream(path);
    this.write('run', run);
  }

  write(event: string, fields: object = {}): void {
    const line = { time: new Date().toISOString(), event, ...fields };
    this.events.push(line);
    this.#file.write(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'close');
  }
}

/** Reads options and schedule of an earlier run from its log. */
export async function readRun(
  path: string,
): Promise<{ options: TortureOptions; schedule: FaultEvent[] }> {
  const [first = ''] = (await readFile(path, 'utf8')).split('\n', 1);
  const { options, schedule } = JSON.parse(first) as {
    options: TortureOptions;
    schedule: FaultEvent[];
  };
  return { options, schedule };
}
