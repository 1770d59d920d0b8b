import {
  BRIDGES,
  type KafkaClient,
  type ProcessName,
  type ServerName,
  type TortureOptions,
} from './options';
import { Random } from './random';

/** The faults of a proxy's connections. */
export const NETWORK_MODES = ['delay', 'cut', 'black-hole', 'stall-up', 'stall-down'] as const;
export type NetworkMode = (typeof NETWORK_MODES)[number];
export const HTTP_SINK_MODES = [
  'unavailable',
  'hang',
  'hang-after',
  'reset',
  'reset-after',
] as const;
export type SinkMode = (typeof HTTP_SINK_MODES)[number] | 'no-directory';

export type Fault =
  /** SIGKILL. The target is started again at the end of the fault. */
  | { kind: 'kill'; target: ProcessName | ServerName }
  /** SIGTERM. The target is started again, so bridge workers leave their group and join it. */
  | { kind: 'stop'; target: ProcessName | ServerName }
  /** SIGSTOP, and SIGCONT at the end of the fault. */
  | { kind: 'freeze'; target: ProcessName | ServerName }
  | {
      kind: 'network';
      target: KafkaClient;
      to: ServerName;
      mode: NetworkMode;
      /** The delay of each packet with `delay`, in milliseconds. */
      delayMs: number;
      /** The end of held connections. `flush`: their data arrive late. `cut`: they break. */
      then: 'flush' | 'cut';
    }
  | { kind: 'sink'; mode: SinkMode }
  /** The dead-letter topics refuse records, because they require more replicas than there are. */
  | { kind: 'dead-letters' };

export interface FaultEvent {
  /** The start of the fault in milliseconds from the start of the run. */
  at: number;
  /** The length of the fault in milliseconds. */
  for: number;
  fault: Fault;
}

/** A kind of fault before its details are drawn, with the range of its length in seconds. */
interface Card {
  draw: (random: Random) => Fault;
  seconds: [number, number];
}

const FIRST_AT_MS = 3_000;
const GAP_MS: [number, number] = [1_500, 5_500];
/** The pause between two faults of one target, in which a killed target comes back. */
const REST_MS = 6_000;

/** A deck with each kind of fault once or more. It is used up before it is shuffled again, so that short runs have most kinds. */
function deck(sink: TortureOptions['sink']): Card[] {
  const process = (
    kind: 'kill' | 'stop' | 'freeze',
    targets: readonly (ProcessName | ServerName)[],
    seconds: [number, number],
  ): Card => ({ draw: (random) => ({ kind, target: random.pick(targets) }), seconds });
  const network = (targets: readonly KafkaClient[], to: ServerName): Card => ({
    draw: (random) => ({
      kind: 'network',
      target: random.pick(targets),
      to,
      mode: random.pick(NETWORK_MODES),
      delayMs: random.integer(50, 1_500),
      then: random.pick(['flush', 'cut']),
    }),
    seconds: [2, 20],
  });
  const sinkModes: readonly SinkMode[] = sink === 'file' ? ['no-directory'] : HTTP_SINK_MODES;
  const sinkFault: Card = {
    draw: (random) => ({ kind: 'sink', mode: random.pick(sinkModes) }),
    seconds: [2, 15],
  };
  return [
    process('kill', BRIDGES, [0, 8]),
    process('kill', BRIDGES, [0, 8]),
    process('kill', ['worker', 'api'], [0, 8]),
    process('kill', ['kafka'], [0, 6]),
    process('kill', ['temporal'], [0, 8]),
    process('stop', BRIDGES, [0, 20]),
    process('stop', BRIDGES, [0, 20]),
    process('stop', ['worker', 'api'], [0, 8]),
    process('stop', ['kafka', 'temporal'], [0, 6]),
    // At times longer than the group's session timeout, so that a frozen member loses its partitions.
    process('freeze', BRIDGES, [2, 25]),
    process('freeze', BRIDGES, [2, 25]),
    process('freeze', ['worker', 'api'], [2, 15]),
    process('freeze', ['kafka', 'temporal'], [2, 12]),
    network(BRIDGES, 'kafka'),
    network(BRIDGES, 'kafka'),
    network(BRIDGES, 'temporal'),
    network(BRIDGES, 'temporal'),
    network(['worker'], 'temporal'),
    network(['worker', 'api', 'producer'], 'kafka'),
    sinkFault,
    sinkFault,
    { draw: () => ({ kind: 'dead-letters' }), seconds: [3, 15] },
  ];
}

/** Makes the faults of a run, in order of time. The same seed, length and sink give the same faults. */
export function generateSchedule(
  options: Pick<TortureOptions, 'seed' | 'minutes' | 'sink'>,
): FaultEvent[] {
  const random = new Random(options.seed);
  const end = options.minutes * 60_000;
  const events: FaultEvent[] = [];
  const busyUntil = new Map<string, number>();
  let cards: Card[] = [];
  for (let at = FIRST_AT_MS; at < end; at += random.integer(...GAP_MS)) {
    if (cards.length === 0) cards = random.shuffled(deck(options.sink));
    const { draw, seconds } = cards.pop()!;
    const fault = draw(random);
    const drawn = random.integer(seconds[0] * 1_000, seconds[1] * 1_000);
    const length = Math.min(drawn, end - at);
    if ((busyUntil.get(placeOf(fault)) ?? 0) > at) continue;
    events.push({ at, for: length, fault });
    busyUntil.set(placeOf(fault), at + length + REST_MS);
  }
  return events;
}

/** The place of a fault. Two faults of one place can't be distinguished, so they never overlap. */
export function placeOf(fault: Fault): string {
  switch (fault.kind) {
    case 'network':
      return `${fault.target} to ${fault.to}`;
    case 'sink':
      return 'sink';
    case 'dead-letters':
      // Kafka itself is configured to refuse records.
      return 'kafka';
    case 'kill':
    case 'stop':
    case 'freeze':
      return fault.target;
  }
}

/** A fault in a few words. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'network': {
      const { target, to, mode, delayMs, then } = fault;
      return `${mode}${mode === 'delay' ? ` of ${delayMs} ms` : ''} from ${target} to ${to}, then ${then}`;
    }
    case 'sink':
      return `sink: ${fault.mode}`;
    case 'dead-letters':
      return 'dead-letter topics refuse';
    case 'kill':
    case 'stop':
    case 'freeze':
      return `${fault.kind} ${fault.target}`;
  }
}
