import { Writable } from 'node:stream';
import { createLogger } from '../../src/telemetry/logger';
import { printable, printableJson } from '../../src/lib/unprintable';
import { watch } from '../../src/cli/output/watch';

const HOSTILE = 'a\u001b[2J\u009b2J\r\u202eb\u2066\u2028';

test('printable replaces control characters of a terminal', () => {
  expect(printable(HOSTILE)).toBe('a\ufffd[2J\ufffd2J\ufffd\ufffdb\ufffd\ufffd');
  expect(printable('Grüße, שלום, 👩‍🚀')).toBe('Grüße, שלום, 👩‍🚀');
});

test('printableJson escapes control characters, and keeps the line breaks of the JSON', () => {
  const json = JSON.stringify({ id: HOSTILE }, null, 2);
  const text = printableJson(json);
  expect(text).toContain('a\\u001b[2J\\u009b2J\\r\\u202eb\\u2066\\u2028');
  expect(text.split('\n')).toHaveLength(3);
  expect(JSON.parse(text)).toEqual({ id: HOSTILE });
});

test('a log line in JSON has its control characters escaped', () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  createLogger('info', stream).info({ messageId: HOSTILE }, HOSTILE);
  expect(lines).toHaveLength(1);
  expect(lines[0]!.trimEnd()).not.toMatch(/[\p{Cc}\u202e\u2066\u2028]/u);
  expect(JSON.parse(lines[0]!)).toMatchObject({ messageId: HOSTILE, msg: HOSTILE });
});

test("watch prints no control characters of a server's error message", async () => {
  let output = '';
  let pictures = 0;
  await watch(
    1,
    () => {
      if (++pictures === 1) return Promise.resolve('picture');
      process.nextTick(() => process.emit('SIGINT'));
      return Promise.reject(new Error(HOSTILE));
    },
    {
      isTTY: false,
      columns: 80,
      write: (text: unknown) => {
        output += String(text);
        return true;
      },
    },
  );
  expect(output).toContain('s old: a\ufffd[2J');
});
