import { setTimeout as sleep } from 'node:timers/promises';
import { watch } from '../../../src/cli/output/watch';

class Output {
  readonly written: string[] = [];
  columns = 80;
  constructor(readonly isTTY: boolean) {}
  write(text: string): boolean {
    this.written.push(text);
    return true;
  }
}

/** Watches these pictures, and receives SIGINT after the last one. */
async function shown(output: Output, ...pictures: (string | Error)[]): Promise<string[]> {
  let next = 0;
  await watch(
    1,
    () => {
      const picture = pictures[next++];
      if (picture instanceof Error) return Promise.reject(picture);
      if (picture !== undefined) return Promise.resolve(picture);
      process.emit('SIGINT', 'SIGINT');
      // A server that never answers does not delay the end.
      return sleep(2 ** 31 - 1, '', { ref: false });
    },
    output,
  );
  return output.written;
}

test('watch replaces the previous picture on a terminal, wrapped lines included', async () => {
  const output = new Output(true);
  output.columns = 10;
  const written = await shown(output, `one\n${'x'.repeat(25)}`, 'two');
  // Eight rows: "one", three rows of x, an empty row, and three rows for the time.
  expect(written[0]).toMatch(/^one\nx{25}\n\n\S.*Ctrl-C ends\n$/);
  const rows = 1 + 3 + 1 + Math.ceil(written[0]!.split('\n')[3]!.length / 10);
  expect(written[1]).toBe(`\u001b[${rows}A\r\u001b[J`);
  expect(written[2]).toMatch(/^two\n/);
});

test('watch erases the right number of rows after a terminal was resized', async () => {
  const output = new Output(true);
  const written: string[] = [];
  output.write = (text) => {
    written.push(text);
    output.columns = 10;
    return true;
  };
  await shown(output, 'x'.repeat(25), 'two');
  const rows = 3 + 1 + Math.ceil(written[0]!.split('\n')[2]!.length / 10);
  expect(written[1]).toBe(`\u001b[${rows}A\r\u001b[J`);
});

test('watch erases nothing if the output is no terminal', async () => {
  const written = await shown(new Output(false), 'one', 'two');
  expect(written.join('')).not.toContain('\u001b');
  expect(written).toHaveLength(2);
});

test('watch keeps the last picture and adds the reason when a new one can not be read', async () => {
  const written = await shown(new Output(false), 'one', new Error('Kafka is away'), 'two');
  expect(written[1]).toMatch(/^one\n\n\d+ s old: Kafka is away\n$/);
  expect(written[2]).toMatch(/^two\n/);
});

test('watch fails if the first picture can not be read', async () => {
  await expect(shown(new Output(true), new Error('Kafka is away'))).rejects.toThrow('away');
});

test('watch leaves no listener for SIGINT behind', async () => {
  const before = process.listenerCount('SIGINT');
  await shown(new Output(true), 'one');
  expect(process.listenerCount('SIGINT')).toBe(before);
});
