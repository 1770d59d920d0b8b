import { printableJson } from '../../lib/unprintable';

/** Results go to stdout, words for people to stderr: a pipe never meets a log line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Shows progress on long work, where a person watches. Overwrites one line. */
export function progressLine(): (text: string) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (text) => process.stderr.write(text === '' ? '\r\u001b[K' : `\r\u001b[K${text}`);
}
