import { execFile } from 'node:child_process';
import { MAIN } from './supervised';

/** Runs a command as an operator does and reads its JSON. A document with exit code 1 is an answer too. */
export function cloudsync<T>(args: string[], env: NodeJS.ProcessEnv): Promise<T> {
  return new Promise((resolve, reject) => {
    const options = { env, maxBuffer: 256 * 1024 * 1024 };
    // Arguments after `--` are no options.
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
