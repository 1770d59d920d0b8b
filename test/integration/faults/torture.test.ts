import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../torture/report';

jest.setTimeout(20 * 60_000);

const MAIN = join(__dirname, '..', '..', 'torture', 'main.ts');
/** The folder of the logs. It is kept until the next run, for the analysis of a failure. */
const OUT = join('.cloudsync', 'torture', 'test');

let child: ChildProcess | undefined;
// On SIGTERM the run stops its processes, even if the test has timed out.
afterEach(() => void child?.kill('SIGTERM'));

/** Runs a torture in a process of its own, as `npm run torture` does. It loads a stream module, which Jest can't do. */
async function torture(flags: string[]): Promise<Report> {
  const args = ['--import', 'tsx', MAIN, ...flags, '--out', OUT, '--json'];
  const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child = run;
  let [output, words] = ['', ''];
  run.stdout.on('data', (data: Buffer) => (output += data.toString()));
  run.stderr.on('data', (data: Buffer) => (words += data.toString()));
  await once(run, 'close');
  if (output === '') throw new Error(`the run has not come to its end, see ${OUT}:\n${words}`);
  return (JSON.parse(output) as Report[])[0]!;
}

test('every record of both lanes ends once, at the sink or dead-lettered, under faults of every kind', async () => {
  await rm(OUT, { recursive: true, force: true });
  const load = ['--seed', '13', '--minutes', '3', '--rate', '8'];
  const report = await torture([...load, '--quiet-seconds', '5', '--settle-minutes', '8']);
  expect(report.findings).toEqual([]);
  expect(report.ok).toBe(true);
  const kinds = ['dead-letters', 'freeze', 'kill', 'network', 'sink', 'stop'];
  expect(Object.keys(report.faults).sort()).toEqual(kinds);
  expect(report.streams.map(({ lane }) => lane)).toEqual(['record', 'chunk']);
  for (const { records, delivered, deadLettered, reconcile } of report.streams) {
    expect(records).toBeGreaterThan(300);
    expect(delivered).toBeGreaterThan(200);
    expect(deadLettered).toBeGreaterThan(10);
    expect(reconcile).toMatchObject({ missing: 0, double: 0 });
  }
});
