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

/** Watches these pictures, and gets SIGINT when the last has been shown. */
async function shown(output: Output, ...pictures: (string | Error)[]): Promise<string[]> {
  let next = 0;
  await watch(
    1,
    () => {
      const picture = pictures[next++];
      if (picture instanceof Error) return Promise.reject(picture);
      if (picture !== undefined) return Promise.resolve(picture);
      process.emit('SIGINT', 'SIGINT');
      // A server that never answers does not hold up the end.
      return sleep(2 ** 31 - 1, '', { ref: false });
    },
    output,
  );
  return output.written;
}

test('on a terminal a picture replaces the one before it, wrapped lines included', async () => {
  const output = new Output(true);
  output.columns = 10;
  const written = await shown(output, `one\n${'x'.repeat(25)}`, 'two');
  // one, three rows of x, an empty one, and the time in three.
  expect(written[0]).toMatch(/^one\nx{25}\n\n\S.*Ctrl-C ends\n$/);
  const rows = 1 + 3 + 1 + Math.ceil(written[0]!.split('\n')[3]!.length / 10);
  expect(written[1]).toBe(`\u001b[${rows}A\r\u001b[J`);
  expect(written[2]).toMatch(/^two\n/);
});

test('a terminal that is resized wraps what it shows anew', async () => {
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

test('elsewhere nothing is erased', async () => {
  const written = await shown(new Output(false), 'one', 'two');
  expect(written.join('')).not.toContain('\u001b');
  expect(written).toHaveLength(2);
});

test('what can not be had leaves the last picture, with the reason', async () => {
  const written = await shown(new Output(false), 'one', new Error('Kafka is away'), 'two');
  expect(written[1]).toMatch(/^one\n\n\d+ s old: Kafka is away\n$/);
  expect(written[2]).toMatch(/^two\n/);
});

test('fails where there never was a picture', async () => {
  await expect(shown(new Output(true), new Error('Kafka is away'))).rejects.toThrow('away');
});

test('leaves no listener behind', async () => {
  const before = process.listenerCount('SIGINT');
  await shown(new Output(true), 'one');
  expect(process.listenerCount('SIGINT')).toBe(before);
});
