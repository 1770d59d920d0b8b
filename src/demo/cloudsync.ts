import { execFile } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(__dirname, '..', 'cli', 'main.js');

/** Runs a command as an operator would and reads its JSON. Exit code 1 with a document is an answer. */
export function cloudsync<T>(args: string[], env: NodeJS.ProcessEnv): Promise<T> {
  return new Promise((resolve, reject) => {
    const options = { env, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [MAIN, ...args, '--json'], options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as T);
      } catch {
        reject(new Error(`cloudsync ${args.join(' ')} failed: ${stderr || error?.message}`));
      }
    });
  });
}

/** `cloudsync status`, as far as the demo reads it. */
export interface StreamStatus {
  name: string;
  lag: number;
  running: number;
  failed: number;
  deadLetters: number;
  retries: number;
  duplicates: { recent: number; workflowId: number; sink: number };
}

/** `cloudsync reconcile`. */
export interface Reconciliation {
  stream: string;
  messages: number;
  delivered: number;
  deadLettered: number;
  missing: number;
  double: number;
}

export interface ReplayResult {
  replayed: number;
  refused: number;
  failed: number;
}
