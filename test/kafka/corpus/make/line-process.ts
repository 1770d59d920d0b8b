import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that answers each line of JSON on its stdin with a line on its stdout, in order. */
export class LineProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #asked: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #words = '';
  #ended: Error | undefined;

  constructor(
    readonly title: string,
    command: string,
    args: string[],
    environment: NodeJS.ProcessEnv = {},
  ) {
    this.#child = spawn(command, args, { env: { ...process.env, ...environment } });
    this.#child.stderr.on('data', (data: Buffer) => {
      this.#words = (this.#words + data.toString()).slice(-4_000);
    });
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('exit', (code) =>
      this.#end(new Error(`${title} has ended with ${code}: ${this.#words}`)),
    );
    this.#child.stdin.on('error', (error) => this.#end(error));
    createInterface(this.#child.stdout).on('line', (line) => this.#asked.shift()?.resolve(line));
  }

  /** Sends one question. Rejects with the text of `error` if the answer has that field. */
  async ask<Answer>(question: object): Promise<Answer> {
    const line = await new Promise<string>((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#asked.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(question)}\n`);
    });
    const answer = JSON.parse(line) as Answer & { error?: string };
    if (answer.error === undefined) return answer;
    throw new Error(`${this.title}: ${answer.error}: ${JSON.stringify(question).slice(0, 300)}`);
  }

  /** Kills the process, so that its transactions stay open at the broker. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#ended);
  }
}
