import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadSettings, LOCAL_ENV_FILE, processEnvironment } from '../config';
import { down, status } from '../dev';
import { addressesAsEnvironment, localServers, writeLocalEnvironment } from './dev-up';
import { printJson, say, table } from './output';

export function addDevCommand(program: Command): void {
  const dev = program.command('dev').description('local Kafka and Temporal for development');
  dev
    .command('up')
    .description('start what is missing, in the background, and print the addresses')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const addresses = await localServers();
      await writeLocalEnvironment(addressesAsEnvironment(addresses));
      if (json) return printJson(addresses);
      const { kafka, temporal } = addresses;
      say(`Kafka        ${kafka.brokers.join(',')}`);
      say(`Temporal     ${temporal.address}, namespace ${temporal.namespace}`);
      if (temporal.ui) say(`Temporal UI  ${temporal.ui}`);
    });
  dev
    .command('down')
    .description('stop exactly what dev up has started; its data stays')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { directory } = loadSettings(processEnvironment()).dev;
      const result = await down({ directory, progress: say });
      await rm(LOCAL_ENV_FILE, { force: true });
      if (json) printJson(result);
    });
  dev
    .command('status')
    .description('show the local servers')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: { json?: boolean }) => {
      const { directory } = loadSettings(processEnvironment()).dev;
      const servers = await status({ directory });
      if (json) return printJson(servers);
      const rows = servers.map(({ name, running, pid, address, startedByUs }) => [
        name,
        running ? 'running' : 'not running',
        address ?? '',
        pid ?? '',
        startedByUs ? 'dev up' : '',
      ]);
      process.stdout.write(`${table(['SERVER', 'STATE', 'ADDRESS', 'PID', 'STARTED BY'], rows)}\n`);
    });
}
