import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { format, resolveConfig } from 'prettier';
import { readRun } from './event-log';
import { matrixDocument } from './matrix';
import { DEFAULTS, LANES, ORDERINGS, SINKS, type TortureOptions } from './options';
import { printable } from './print';
import type { Report } from './report';
import { torture } from './run';
import { generateSchedule, type FaultEvent } from './schedule';

interface Flags extends TortureOptions {
  seeds?: number[];
  replay?: string;
  out?: string;
  table?: string;
  json: boolean;
}

function positive(text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}

function seedNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at most 9 digits.');
}

function seedRange(text: string): number[] {
  const [from, to] = text.split('-').map(seedNumber);
  if (from === undefined || to === undefined || to < from) {
    throw new InvalidArgumentError('It must be a range, like 1-10.');
  }
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

const program = new Command('torture')
  .description('load and faults against real servers and processes, then a verdict on each record')
  .option('--seed <n>', 'what is sent and which faults are injected', seedNumber, DEFAULTS.seed)
  .option('--seeds <a-b>', 'one run after the other, of each of these seeds', seedRange)
  .option('--minutes <n>', 'of load and faults', positive, DEFAULTS.minutes)
  .addOption(new Option('--lane <lane>').choices(LANES).default(DEFAULTS.lane))
  .addOption(new Option('--sink <sink>').choices(SINKS).default(DEFAULTS.sink))
  .option('--rate <n>', 'messages a second', positive, DEFAULTS.rate)
  .addOption(new Option('--ordering <what>').choices(ORDERINGS).default(DEFAULTS.ordering))
  .addOption(
    new Option('--append-only', 'a sink without dedupe: shows what the other layers let through')
      .default(false)
      .conflicts('sink'),
  )
  .option('--quiet-seconds <n>', 'before memory is judged', Number, DEFAULTS.quietSeconds)
  .option('--settle-minutes <n>', 'at most', positive, DEFAULTS.settleMinutes)
  .option('--replay <file>', 'options and schedule of the events.ndjson of an earlier run')
  .option('--out <dir>', 'default: .cloudsync/torture/<time>')
  .option('--table <file>', 'write the results of all runs there, as Markdown')
  .option('--json', 'print the reports as one JSON document', false);

async function main(): Promise<boolean> {
  program.parse();
  const { seeds, replay, out, table, json, ...options } = program.opts<Flags>();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => interrupted.abort());
  }
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const root = out ?? join('.cloudsync', 'torture', time);
  const reports: Report[] = [];
  for (const { name, run } of await runs(options, seeds, replay)) {
    const directory = name ? join(root, name) : root;
    const progress = (text: string) => process.stderr.write(`${text}\n`);
    const report = await torture({ ...run, directory, progress, signal: interrupted.signal });
    reports.push(report);
    if (!json) process.stdout.write(`${printable(report)}\n\n`);
    if (table) await writeTable(table, reports);
  }
  if (json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
  return reports.every(({ ok }) => ok);
}

/** Writes the table in the format of the project's documents. */
async function writeTable(file: string, reports: Report[]): Promise<void> {
  const command = `npm run torture -- ${process.argv.slice(2).join(' ')}`;
  const options = { ...(await resolveConfig(file)), parser: 'markdown' };
  await writeFile(file, await format(matrixDocument(reports, command), options));
}

async function runs(
  options: TortureOptions,
  seeds: number[] | undefined,
  replay: string | undefined,
): Promise<{ name?: string; run: { options: TortureOptions; schedule: FaultEvent[] } }[]> {
  if (replay !== undefined) return [{ run: await readRun(replay) }];
  if (!seeds) return [{ run: { options, schedule: generateSchedule(options) } }];
  return seeds.map((seed) => {
    const seeded = { ...options, seed };
    return {
      name: `seed-${seed}`,
      run: { options: seeded, schedule: generateSchedule(seeded) },
    };
  });
}

main()
  .then((ok) => {
    if (!ok) process.exitCode = 1;
  })
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  })
  // After an early end, some parts may still run without the servers that they need.
  .finally(() => process.exit());
