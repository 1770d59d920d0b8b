import { UsageError } from '../../domain/errors';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,9})([smhd])$/;
const ISO_8601 = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;
const LATEST = new Date('9999-12-31T23:59:59.999Z');

/**
 * Parses a point in time: ISO 8601 (UTC unless it names an offset), or a duration before now, as `15m` or `7d`.
 * Throws a {@link UsageError} if the text is neither.
 */
export function parseSince(text: string, now = new Date()): Date {
  const duration = DURATION.exec(text);
  const milliseconds = duration
    ? now.getTime() - Number(duration[1]) * UNIT_MS[duration[2] as keyof typeof UNIT_MS]
    : parseIso(text);
  // Nothing failed before 1970, and the server reads years of four digits only.
  const time = new Date(Math.max(0, milliseconds));
  if (Number.isNaN(new Date(milliseconds).getTime()) || time > LATEST) {
    throw new UsageError(
      `${JSON.stringify(text)} is neither ISO 8601 nor a duration like 15m, 2h, 7d`,
    );
  }
  return time;
}

function parseIso(text: string): number {
  const match = ISO_8601.exec(text);
  if (!match) return NaN;
  // JavaScript reads a date with a time but without an offset as local time.
  return Date.parse(match[1] && !match[4] ? `${text}Z` : text);
}
