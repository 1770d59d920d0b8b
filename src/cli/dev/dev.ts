import { rm } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import {
  environment,
  loadSettings,
  LOCAL_ENV_FILE,
  processEnvironment,
} from '../../settings/config';
import { down, status } from '../../dev-servers';
import { addressesAsEnvironment, localServers, writeLocalEnvironment } from './dev-up';
import { printJson, say } from '../output/output';
import { table } from '../../lib/table';

export function addDevCommand(program: Command): void {
  const dev = program
    .command('dev')
    .description('local Kafka, Temporal and clouds for development');
  dev
    .command('up')
    .description(
      'start a local Kafka and Temporal in the background if none answers, clouds too with --sink cloud; print the addresses',
    )
    .addOption(
      new Option('--sink <kind>', 'where the reference streams write to')
        .choices(['file', 'cloud'])
        .default('file'),
    )
    .option('--json', 'print one JSON document')
    .action(async ({ json, sink }: { json?: boolean; sink: 'file' | 'cloud' }) => {
      const wroteToClouds = loadSettings(environment()).sink === 'cloud';
      const addresses = await localServers({ cloud: sink === 'cloud' });
      await writeLocalEnvironment(addressesAsEnvironment(addresses));
      if (json) return printJson(addresses);
      const { kafka, temporal, cloud } = addresses;
      say(`Kafka        ${kafka.brokers.join(',')}`);
      say(`Temporal     ${temporal.address}, namespace ${temporal.namespace}`);
      if (temporal.ui) say(`Temporal UI  ${temporal.ui}`);
      if (cloud?.s3) say(`S3           ${cloud.s3.endpoint}, bucket ${cloud.s3.bucket}`);
      if (cloud?.blob) {
        say(`Azure Blob   ${cloud.blob.endpoint}, container ${cloud.blob.container}`);
      }
      const { brokers, temporalAddress } = loadSettings(processEnvironment()).dev;
      if (brokers ?? temporalAddress) say('Addresses in the environment are used as they are.');
      if (wroteToClouds && !cloud) {
        say(
          'The reference streams write files now; --sink cloud has them write to the local clouds.',
        );
      }
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
      else if (result.stopped.length === 0) {
        say(`nothing to stop: no server that dev up has started in ${directory} runs`);
      }
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
