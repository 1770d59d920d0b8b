import { printableJson } from '../../lib/unprintable';

/** Results go to stdout and texts for people to stderr, so a pipe never gets a log line. */
export function printJson(value: unknown): void {
  process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Returns a function that shows progress of long work if a person watches. It overwrites one line. */
export function progressLine(): (text: string) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (text) => process.stderr.write(text === '' ? '\r\u001b[K' : `\r\u001b[K${text}`);
}
