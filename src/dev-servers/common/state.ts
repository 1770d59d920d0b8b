import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalServerError } from './errors';
import type { ServerName } from './paths';

const startedServer = z.object({
  pid: z.number(),
  startTime: z.string(),
  port: z.number(),
  /** Only Temporal has a UI. */
  uiPort: z.number().optional(),
});
const stateSchema = z.object({
  kafka: startedServer.optional(),
  temporal: startedServer.optional(),
  s3: startedServer.optional(),
  blob: startedServer.optional(),
});

/**
 * The servers that `up` has started in a directory. Other servers are never listed, so they are never stopped.
 */
export type State = z.infer<typeof stateSchema>;
export type StartedServer = z.infer<typeof startedServer>;

function statePath(directory: string): string {
  return join(directory, 'state.json');
}

export function readState(directory: string): State {
  const path = statePath(directory);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    throw new LocalServerError(
      `${path} can't be read; stop the servers it stood for by hand and delete it`,
    );
  }
}

/**
 * Changes one server's entry. The change is synchronous from the reading to the rename, so that servers that
 * start in parallel do not overwrite each other's entry.
 */
export function recordServer(
  directory: string,
  name: ServerName,
  server: StartedServer | undefined,
): void {
  const state = { ...readState(directory), [name]: server };
  mkdirSync(directory, { recursive: true });
  const path = statePath(directory);
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}
