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

/** `cloudsync failed replay`. */
export interface ReplayResult {
  replayed: number;
  refused: number;
  failed: number;
}
