import fc from 'fast-check';
import { createProgram } from '../../src/cli/program';
import { table } from '../../src/lib/table';
import { quote } from '../../src/temporal/temporal';
import { deadLetterEntry } from '../../src/operations/dead-letters/dead-letters';
import { entryTable } from '../../src/cli/output/failed-output';
import { UsageError } from '../../src/domain/errors';
import { parseSince } from '../../src/operations/runs/failed-since';
import { printable, printableJson } from '../../src/lib/unprintable';
import { kafkaRecords, testStream } from '../domain/support/records';
import { hostileText } from './support/hostile';
import './support/configure';

/** Characters that a terminal obeys, or that mislead a reader. */
const STEERS = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/** Reads a string literal as SQL does: quotes at both ends, a backslash before a character that is meant literally. */
function literal(sql: string): { value: string; rest: string } {
  expect(sql[0]).toBe('"');
  let value = '';
  for (let at = 1; at < sql.length; at++) {
    if (sql[at] === '"') return { value, rest: sql.slice(at + 1) };
    if (sql[at] === '\\') at++;
    value += sql[at];
  }
  throw new Error('the literal has no end');
}

test('quote makes a literal of any text that ends at its quote and keeps the text', () => {
  fc.assert(
    fc.property(hostileText, (value) => {
      const rest = ' AND ExecutionStatus = "Failed"';
      expect(literal(quote(value) + rest)).toEqual({ value, rest });
    }),
  );
});

test('text for one line of a terminal has no control characters', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(printable(text)).not.toMatch(STEERS);
      const lines = table(['A', 'B'], [[text, 1]]).split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line).not.toMatch(STEERS);
    }),
  );
});

test('JSON for a terminal has no control characters, and keeps its value', () => {
  const values = fc.anything({ key: hostileText, values: [hostileText, fc.integer()] });
  fc.assert(
    fc.property(values, (value) => {
      const json = JSON.stringify({ value }, null, 2);
      const text = printableJson(json);
      expect(JSON.parse(text)).toEqual(JSON.parse(json));
      expect(text.replaceAll('\n', '')).not.toMatch(STEERS);
    }),
  );
});

test('a forged dead letter is listed on one line', async () => {
  const names = ['stream', 'topic', 'workflow-id', 'error-type', 'error-message', 'failed-at'];
  const numbers = ['partition', 'offset', 'attempts', 'replays'];
  const headers = fc.array(
    fc.tuple(
      fc.constantFrom(...names, ...numbers).map((name) => `cloudsync-${name}`),
      fc.oneof(hostileText, fc.constantFrom('1', '-1', '1e9', '99999999999999999999')),
    ),
  );
  const streams = [testStream()];
  await fc.assert(
    fc.asyncProperty(kafkaRecords, headers, async (record, added) => {
      const letter = {
        ...record,
        headers: added.map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]),
      };
      const entry = await deadLetterEntry(streams, streams[0]!, letter);
      for (const field of ['partition', 'offset', 'attempts', 'replays'] as const) {
        expect(entry[field] === null || Number.isSafeInteger(entry[field])).toBe(true);
      }
      const text = entryTable([entry]);
      expect(text.split('\n')).toHaveLength(2);
      expect(text.replace('\n', '')).not.toMatch(STEERS);
    }),
  );
});

test('--since accepts only a time that a query can hold', () => {
  const texts = fc.oneof(
    hostileText,
    fc.tuple(fc.nat(), fc.constantFrom('s', 'm', 'h', 'd', 'w', '')).map((parts) => parts.join('')),
    fc
      .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
      .chain((date) => {
        const iso = date.toISOString();
        return fc.constantFrom(iso, iso.slice(0, 10), iso.replace('Z', '-14:00'), iso.slice(0, 16));
      }),
    fc.stringMatching(/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/),
  );
  fc.assert(
    fc.property(texts, (text) => {
      let time: Date;
      try {
        time = parseSince(text);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        return;
      }
      expect(time.toISOString()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(time.getTime()).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('a numeric option of a command accepts only a whole number above 0', () => {
  const texts = fc.oneof(hostileText, fc.double().map(String), fc.bigInt().map(String));
  fc.assert(
    fc.property(texts, (text) => {
      const program = createProgram();
      const list = program.commands
        .find((one) => one.name() === 'dlq')!
        .commands.find((one) => one.name() === 'list')!;
      list.exitOverride().configureOutput({ writeErr: () => undefined });
      let limit: unknown;
      list.action((flags: { limit: unknown }) => {
        limit = flags.limit;
      });
      try {
        list.parse([`--limit=${text}`], { from: 'user' });
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^commander\./);
        return;
      }
      expect(Number.isSafeInteger(limit) && (limit as number) > 0).toBe(true);
    }),
    { numRuns: 50 },
  );
});
