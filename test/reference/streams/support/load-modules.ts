/**
 * Loads stream modules as a process of CloudSync does. Jest can not do this, as it has a module loader of its own.
 * Reads a list of cases from stdin, and writes the result of each to stdout.
 */
import { readFileSync } from 'node:fs';
import { loadSettings } from '../../../../src/settings/config';
import { classifyError, UsageError } from '../../../../src/domain/errors';
import { loadStreams } from '../../../../src/cli/options/load-streams';

export interface Case {
  path: string;
  names?: string[];
}

export type Outcome =
  | { streams: string[]; failure: object | undefined }
  | { error: string; usage: boolean; cause: boolean };

async function outcomeOf({ path, names }: Case): Promise<Outcome> {
  try {
    const env = { CLOUDSYNC_STREAMS: path, CLOUDSYNC_TOPIC: 'orders' };
    const streams = await loadStreams(loadSettings(env), names);
    const failure = await streams[0]?.sink.write({} as never, {} as never).then(
      () => undefined,
      (error: unknown) => classifyError(error),
    );
    return { streams: streams.map(({ name, topic }) => `${name} of ${topic}`), failure };
  } catch (error) {
    const { message, cause } = error as Error;
    return { error: message, usage: error instanceof UsageError, cause: cause !== undefined };
  }
}

async function main(): Promise<void> {
  const cases = JSON.parse(readFileSync(0, 'utf8')) as Case[];
  const outcomes: Outcome[] = [];
  for (const one of cases) outcomes.push(await outcomeOf(one));
  process.stdout.write(JSON.stringify(outcomes));
}

void main();
