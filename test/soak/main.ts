import { join } from 'node:path';
import { Command } from 'commander';
import { soak, type SoakOptions } from './run';

const { minutes, seed, out } = new Command('soak')
  .description('producers of others, faults, and a comparison with what Kafka shows at the end')
  .option('--minutes <n>', 'of load and faults', Number, 60)
  .option('--seed <n>', 'what is written, and which faults come when', Number, 1)
  .option('--out <dir>', 'a new folder', join('.cloudsync', 'soak', `${Date.now()}`))
  .parse()
  .opts<{ minutes: number; seed: number; out: string }>();

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => interrupted.abort());
const options = {
  minutes,
  seed,
  pauseMs: [300, 1_500],
  remakeSeconds: [40, 90],
} satisfies SoakOptions;
const progress = (text: string) => process.stderr.write(`${text}\n`);

soak(options, out, progress, interrupted.signal)
  .then((report) => {
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    const good = report.streams.every(({ findings }) => findings.length === 0);
    if (!good || report.unsettled.length > 0) process.exitCode = 1;
  })
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
    process.exitCode = 2;
  })
  // After an early end, some parts may still run without the servers that they need.
  .finally(() => process.exit());
