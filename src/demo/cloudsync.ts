import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { ReconcileReport } from '../operations/reconcile/reconcile';
import type { StreamStatus } from '../operations/status/status';
import type { Observer } from '../reference/scenarios/observe';

const MAIN = join(__dirname, '..', 'cli', 'main.js');

/** Runs a command as an operator would and reads its JSON. Exit code 1 with a document counts as an answer. */
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

/** The JSON of `cloudsync failed replay`. */
export interface ReplayResult {
  replayed: number;
  refused: number;
  failed: number;
}

/** Observes the system as an operator would. */
export function cliObserver(env: NodeJS.ProcessEnv): Observer {
  return {
    async statuses() {
      return (await cloudsync<{ streams: StreamStatus[] }>(['status'], env)).streams;
    },
    reconcile: (stream) => cloudsync<ReconcileReport>(['reconcile', '--stream', stream], env),
  };
}
