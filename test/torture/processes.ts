import { join } from 'node:path';
import type { Releasers } from '../../src/lib/lifecycle';
import type { EventLog } from './event-log';
import type { ProcessName } from './options';
import type { Servers, TemporalClientName } from './servers';
import { SupervisedProcess } from './supervised';

const COMMANDS: Record<ProcessName, string[]> = {
  'bridge-1': ['bridge', 'start'],
  'bridge-2': ['bridge', 'start'],
  'bridge-3': ['bridge', 'start'],
  worker: ['worker', 'start'],
  api: ['api', 'start'],
};

/** The environment of this process without settings of CloudSync, Kafka, Temporal and the clouds. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(CLOUDSYNC|KAFKA|TEMPORAL|AWS|AZURE)_/.test(name),
  );
  return Object.fromEntries(inherited);
}

export interface Surroundings {
  servers: Servers;
  environment: NodeJS.ProcessEnv;
  directory: string;
  log: EventLog;
  releasers: Releasers;
}

/** Starts processes of the CLI, each with proxies of its own before Kafka and Temporal. */
export function startProcesses<Name extends ProcessName>(
  names: readonly Name[],
  { servers, environment, directory, log, releasers }: Surroundings,
): Record<Name, SupervisedProcess> {
  const start = (name: Name) => {
    const temporal = servers.toTemporal[name as TemporalClientName] as
      { address: string } | undefined;
    const env = {
      ...environment,
      ...servers.sinkEnvironment.proxied,
      KAFKA_BROKERS: servers.toKafka[name].address,
      ...(temporal && { TEMPORAL_ADDRESS: temporal.address }),
    };
    const one = new SupervisedProcess(name, COMMANDS[name], env, join(directory, 'logs'), log);
    releasers.push(() => one.end('SIGKILL'));
    one.start();
    return [name, one] as const;
  };
  return Object.fromEntries(names.map(start)) as Record<Name, SupervisedProcess>;
}
