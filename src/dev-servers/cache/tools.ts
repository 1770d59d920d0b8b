import { execFile, spawn } from 'node:child_process';
import { LocalServerError } from '../common/errors';
import { withHeartbeat, type Progress } from '../common/progress';

const ASK_TIMEOUT_MS = 20_000;
const TAIL_CHARACTERS = 4_000;

export interface ToolRun {
  command: string;
  args: string[];
  /** The tool's work, as in "downloading Kafka 4.1.1 with Maven". */
  doing: string;
  deadlineMs: number;
  progress: Progress;
  cwd?: string;
}

/** The programs of this machine. They are a parameter, so that tests can do without them. */
export interface Tools {
  /** The tool's output; undefined if the tool is missing, fails or hangs. */
  ask(command: string, args: string[]): Promise<string | undefined>;
  /** Runs long work and reports progress. Throws a {@link LocalServerError} with the end of the tool's output. */
  run(run: ToolRun): Promise<void>;
}

export const installedTools: Tools = { ask, run };

function ask(command: string, args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: ASK_TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve(error === null ? stdout + stderr : undefined);
    });
  });
}

async function run({ command, args, doing, deadlineMs, progress, cwd }: ToolRun): Promise<void> {
  progress(doing);
  let output = '';
  const end = await withHeartbeat(
    progress,
    doing,
    () =>
      new Promise<string | undefined>((resolve) => {
        const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
        const keep = (chunk: Buffer) => {
          output = (output + chunk.toString()).slice(-TAIL_CHARACTERS);
        };
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
        const timer = setTimeout(() => {
          child.kill('SIGKILL');
          // Does not wait for 'close', because processes that the tool started may keep the pipes open.
          resolve(`took longer than ${Math.round(deadlineMs / 60_000)} minutes`);
        }, deadlineMs);
        child.on('error', (error) => {
          clearTimeout(timer);
          resolve(error.message);
        });
        child.on('close', (code, signal) => {
          clearTimeout(timer);
          resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`);
        });
      }),
  );
  if (end !== undefined) {
    throw new LocalServerError(`${doing}: ${command} ${end}\n${output.trim()}`.trim());
  }
}
