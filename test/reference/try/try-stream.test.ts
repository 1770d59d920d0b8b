import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCOUNTS, TRIED_PAYMENTS } from '../../../src/reference/try/tried-payments';
import {
  accountsFile,
  newTryName,
  triedStream,
  tryDirectory,
  tryStream,
} from '../../../src/reference/try/try-stream';

const before = process.cwd();
let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'cloudsync-try-')));
  process.chdir(directory);
});
afterEach(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true });
});

function ran(name: string): void {
  mkdirSync(tryDirectory(name), { recursive: true });
  writeFileSync(accountsFile(name), `${ACCOUNTS.join('\n')}\n`);
}

/** Calls the sink until it takes the payment, or refuses it for good; gives what came of each call. */
async function calls(name: string, index: number): Promise<string[]> {
  const { payment } = TRIED_PAYMENTS[index]!;
  const sink = tryStream(name).sink;
  const record = { messageId: payment.id, message: payment, value: Buffer.from(payment.id) };
  const seen: string[] = [];
  for (;;) {
    const context = { signal: new AbortController().signal, attempt: seen.length + 1 };
    const outcome = await sink.write(record as never, context).then(
      (written) => written.outcome as string,
      (error: { type: string }) => error.type,
    );
    seen.push(outcome);
    if (!['Transient', 'Throttled'].includes(outcome)) return seen;
  }
}

test('the sink refuses each payment as often as it must', async () => {
  const name = newTryName();
  ran(name);
  for (const [index, { outcome, attempts }] of TRIED_PAYMENTS.entries()) {
    if (attempts === null) continue;
    const seen = await calls(name, index);
    expect([index, seen.length, seen.at(-1)]).toEqual([
      ...[index, attempts],
      outcome === 'delivered' ? 'written' : 'Permanent',
    ]);
  }
});

test('the sink takes the payment that failed if its customer has an account now', async () => {
  const name = newTryName();
  ran(name);
  const index = TRIED_PAYMENTS.findIndex(({ outcome }) => outcome === 'dead-lettered');
  expect(await calls(name, index)).toEqual(['Permanent']);
  // By an editor on Windows.
  appendFileSync(accountsFile(name), `${TRIED_PAYMENTS[index]!.payment.customer}\r\n`);
  expect(await calls(name, index)).toEqual(['written']);
});

test('triedStream finds a run by its name, and the newest run by the name try', () => {
  const [first, second] = ['try-mx2hchvt', 'try-mx2hd000'];
  ran(second);
  ran(first);
  expect(triedStream(first)!.name).toBe(first);
  expect(triedStream('try')!.name).toBe(second);
});

test('triedStream finds no run that has sent nothing', () => {
  expect(triedStream('try')).toBeUndefined();
  mkdirSync(tryDirectory('try-mx2hchvt'), { recursive: true });
  expect(triedStream('try')).toBeUndefined();
  expect(triedStream('try-mx2hchvt')).toBeUndefined();
});

test.each(['try-..', 'try-', '../try', 'payments', 'try-mx2hchvt/..'])(
  'triedStream finds nothing by the name %s',
  (name) => {
    ran('try-mx2hchvt');
    expect(triedStream(name)).toBeUndefined();
  },
);

test('newTryName gives names that sort by time', () => {
  const early = newTryName();
  const late = `try-${(Date.now() + 86_400_000).toString(36)}`;
  expect(early < late).toBe(true);
  expect(early).toHaveLength(late.length);
});
