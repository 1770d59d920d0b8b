import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Receiver } from '../sinks/support/receiver';

jest.setTimeout(60_000);

const ROOT = join(__dirname, '..', '..');

/**
 * Loads a stream module as the CLI does. It does so in a process of its own, because Jest replaces the module
 * loader. The service that the module's sink calls answers every call with the given status.
 */
async function load(module: string, status: number, env: Record<string, string> = {}) {
  const program = `
    const { classifyError, loadSettings } = require('cloudsync');
    const { loadStreams } = require('./dist/cli/options/load-streams.js');
    globalThis.fetch = async () => new Response(null, { status: ${status} });
    (async () => {
      const settings = loadSettings({ CLOUDSYNC_STREAMS: ${JSON.stringify(module)} });
      const [{ name, topic, sink, workflow }, ...others] = await loadStreams(settings);
      const record = { messageId: '1', value: Buffer.from('{}'), headers: [] };
      const context = { signal: new AbortController().signal, attempt: 1 };
      const write = await sink.write(record, context).then(
        ({ outcome }) => outcome,
        (error) => classifyError(error).type,
      );
      const { type } = workflow ?? {};
      console.log(JSON.stringify({ name, topic, others: others.length, workflow: type, write }));
    })();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], {
    ...{ cwd: ROOT, env: { ...process.env, ...env } },
  });
  return JSON.parse(stdout) as unknown;
}

const OWN_STREAM = 'examples/own-stream/streams.ts';
const HTTP_SINK = 'examples/http-sink/streams.ts';
const TWO_STEPS = 'examples/two-step-workflow/streams.ts';

test('a complete stream module takes less than 40 lines', async () => {
  const lines = (await readFile(join(ROOT, OWN_STREAM), 'utf8')).trimEnd().split('\n');
  expect(lines.length).toBeLessThan(40);
});

test.each([
  [201, 'written'],
  [200, 'duplicate'],
  [408, 'Transient'],
  [409, 'ContentConflict'],
  [422, 'Permanent'],
  [429, 'Throttled'],
  [503, 'Transient'],
])('own-stream: %d from the warehouse is %s', async (status, write) => {
  const expected = { name: 'orders', topic: 'shop.orders', others: 0, write };
  expect(await load(OWN_STREAM, status)).toEqual(expected);
});

test.each([
  [201, 'written'],
  [401, 'Transient'],
  [422, 'ContentConflict'],
  [429, 'Throttled'],
])('http-sink: %d from the receiver is %s', async (status, write) => {
  const expected = { name: 'shipments', topic: 'shop.shipments', others: 0, write };
  const receiver = await Receiver.start();
  receiver.answer = (response) => response.writeHead(status).end();
  try {
    const found = await load(HTTP_SINK, status, { SHIPMENTS_URL: receiver.url });
    expect(found).toEqual(expected);
  } finally {
    await receiver.close();
  }
});

test.each([
  [201, 'written'],
  [200, 'duplicate'],
  [402, 'Permanent'],
  [503, 'Transient'],
])('two-step-workflow: %d from the stock service is %s', async (status, write) => {
  expect(await load(TWO_STEPS, status)).toEqual({
    name: 'reservations',
    topic: 'shop.reservations',
    others: 0,
    workflow: 'reserveThenConfirm',
    write,
  });
});
