import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from './event-log';
import { PROCESSES, type ProcessName, type ServerName } from './options';
import { describeFault, placeOf, type Fault, type FaultEvent } from './schedule';
import { refuseRecords, type Servers, type TemporalClientName } from './servers';
import type { SupervisedProcess } from './supervised';

/** The processes of a run. The schedule names no others. */
export type Processes = Partial<Record<ProcessName, SupervisedProcess>>;

export interface Victims {
  servers: Servers;
  processes: Processes;
  deadLetterTopics: string[];
}

const RETRY_PAUSE_MS = 1_000;

/** Injects each fault at its time and heals it at its end. Resolves when the last one is healed. */
export async function runSchedule(
  schedule: FaultEvent[],
  victims: Victims,
  log: EventLog,
): Promise<void> {
  const start = Date.now();
  /** The last fault of each place. The next fault of the place waits if the last one takes longer than planned. */
  const last = new Map<string, Promise<void>>();
  await Promise.all(
    schedule.map((event, number) => {
      const place = placeOf(event.fault);
      const before = last.get(place);
      const turn = run(event, number, before);
      last.set(place, turn);
      return turn;
    }),
  );

  async function run(event: FaultEvent, number: number, before: Promise<void> | undefined) {
    const { at, for: length, fault } = event;
    await sleep(Math.max(0, start + at - Date.now()));
    await before;
    const described = { number, kind: fault.kind, fault: describeFault(fault) };
    log.write('inject', described);
    try {
      await inject(fault, victims);
    } catch (error) {
      // Kafka may be away when the request to refuse records is sent.
      log.write('not injected', { ...described, error: String(error) });
    }
    await sleep(length);
    await untilHealed(fault, victims, log);
    log.write('healed', described);
  }
}

async function inject(fault: Fault, { servers, processes, deadLetterTopics }: Victims) {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
      return end(fault.target, fault.kind, { servers, processes });
    case 'freeze':
      if (isServer(fault.target)) servers[fault.target].freeze();
      else processes[fault.target]!.signal('SIGSTOP');
      return;
    case 'network':
      return proxyOf(fault, servers).set(fault.mode, fault.delayMs);
    case 'sink':
      return servers.sink.fail(fault.mode);
    case 'dead-letters':
      return refuseRecords(servers.direct.kafka, deadLetterTopics, true);
  }
}

async function end(
  target: ProcessName | ServerName,
  kind: 'kill' | 'stop',
  { servers, processes }: Pick<Victims, 'servers' | 'processes'>,
): Promise<void> {
  if (isServer(target)) return servers[target][kind]();
  return processes[target]!.end(kind === 'kill' ? 'SIGKILL' : 'SIGTERM');
}

async function heal(fault: Fault, { servers, processes, deadLetterTopics }: Victims) {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
      if (isServer(fault.target)) return servers[fault.target].up();
      return processes[fault.target]!.start();
    case 'freeze':
      if (isServer(fault.target)) servers[fault.target].thaw();
      else processes[fault.target]!.signal('SIGCONT');
      return;
    case 'network':
      return proxyOf(fault, servers).heal(fault.then);
    case 'sink':
      return servers.sink.heal();
    case 'dead-letters':
      return refuseRecords(servers.direct.kafka, deadLetterTopics, false);
  }
}

async function untilHealed(fault: Fault, victims: Victims, log: EventLog): Promise<void> {
  for (;;) {
    try {
      return await heal(fault, victims);
    } catch (error) {
      log.write('not healed yet', { fault: describeFault(fault), error: String(error) });
      await sleep(RETRY_PAUSE_MS);
    }
  }
}

function proxyOf({ to, target }: Extract<Fault, { kind: 'network' }>, servers: Servers) {
  return to === 'kafka'
    ? servers.toKafka[target]
    : servers.toTemporal[target as TemporalClientName];
}

function isServer(target: ProcessName | ServerName): target is ServerName {
  return !(PROCESSES as readonly string[]).includes(target);
}
