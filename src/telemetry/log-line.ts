import { pino } from 'pino';
import { printable } from '../lib/unprintable';

/** Turns a JSON log line into text for a terminal: time, level, message and fields, with stacks below. */
export function readableLine(json: string): string {
  const { level, time, msg, ...rest } = JSON.parse(json) as Record<string, unknown>;
  // Both fields describe this process, and are equal in every line.
  const fields = Object.entries(rest).filter(([name]) => name !== 'pid' && name !== 'hostname');
  const stacks: string[] = [];
  const texts = fields.map(([name, value]) => {
    const { stack, ...rest } = Object(value) as { stack?: unknown };
    if (typeof stack !== 'string') return `${name}=${text(value)}`;
    stacks.push(stack);
    return `${name}=${text(rest)}`;
  });
  const clock = new Date(Number(time)).toTimeString().slice(0, 8);
  const label = (pino.levels.labels[Number(level)] ?? '').toUpperCase().padEnd(5);
  const line = [clock, label, text(msg ?? '', false), ...texts].join(' ');
  const below = stacks.flatMap((stack) => stack.split('\n').map((one) => `    ${one.trim()}`));
  return `${[line, ...below].map(printable).join('\n')}\n`;
}

function text(value: unknown, quoted = true): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return quoted && (value === '' || /[\s"=]/.test(value)) ? JSON.stringify(value) : value;
}
