import { Writable } from 'node:stream';
import { createLogger } from '../../src/telemetry/logger';

/** The output of a logger, on a terminal or elsewhere. */
function written(isTerminal: boolean, log: (logger: ReturnType<typeof createLogger>) => void) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  log(createLogger('info', stream, isTerminal));
  return text;
}

const fields = { stream: 'payments', messageId: 'p-3', error: 'db is down', attempt: 2 };

test('a log line is text on a terminal, and JSON elsewhere', () => {
  const shown = written(true, (logger) => logger.warn(fields, 'Attempt at the sink failed'));
  expect(shown).toMatch(
    /^\d\d:\d\d:\d\d WARN {2}Attempt at the sink failed stream=payments messageId=p-3 error="db is down" attempt=2\n$/,
  );
  const json = written(false, (logger) => logger.warn(fields, 'Attempt at the sink failed'));
  expect(JSON.parse(json)).toMatchObject({ ...fields, level: 40 });
});

test('the stack of an error is printed below its line', () => {
  const [line, ...below] = written(true, (logger) =>
    logger.error({ err: new TypeError('no such field') }, 'Stopping failed'),
  ).split('\n');
  expect(line).toMatch(
    /ERROR Stopping failed err=\{"type":"TypeError","message":"no such field"\}$/,
  );
  expect(below.slice(0, 2)).toEqual([
    '    TypeError: no such field',
    expect.stringMatching(/^ {4}at /) as string,
  ]);
});

test('a log line on a terminal has no control characters of a record', () => {
  const shown = written(true, (logger) =>
    logger.info({ messageId: 'a\u001b[2J\u202eb' }, '\u009b'),
  );
  expect(shown.trimEnd()).not.toMatch(/[\p{Cc}\u202e]/u);
});
