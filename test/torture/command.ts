import { execFile } from 'node:child_process';
import { MAIN } from './supervised';

/** Runs a command as an operator would and reads its JSON. Exit code 1 with a document is an answer. */
export function cloudsync<T>(args: string[], env: NodeJS.ProcessEnv): Promise<T> {
  return new Promise((resolve, reject) => {
    const options = { env, maxBuffer: 256 * 1024 * 1024 };
    // What comes after `--` is no option.
    const end = args.includes('--') ? args.indexOf('--') : args.length;
    const all = [MAIN, ...args.slice(0, end), '--json', ...args.slice(end)];
    execFile(process.execPath, all, options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as T);
      } catch {
        reject(new Error(`cloudsync ${args.join(' ')} failed: ${stderr || error?.message}`));
      }
    });
  });
}
