import {
  BRIDGES,
  type KafkaClient,
  type ProcessName,
  type ServerName,
  type TortureOptions,
} from './options';
import { Random } from './random';

/** What a proxy does to the connections through it. */
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
  /** SIGKILL, and started again at the end of the fault. */
  | { kind: 'kill'; target: ProcessName | ServerName }
  /** SIGTERM, and started again: bridge workers leave their group and join it. */
  | { kind: 'stop'; target: ProcessName | ServerName }
  /** SIGSTOP, and SIGCONT. */
  | { kind: 'freeze'; target: ProcessName | ServerName }
  | {
      kind: 'network';
      target: KafkaClient;
      to: ServerName;
      mode: NetworkMode;
      /** Of each packet, with `delay`. */
      delayMs: number;
      /** What becomes of connections that were held: their data arrive late, or they break. */
      then: 'flush' | 'cut';
    }
  | { kind: 'sink'; mode: SinkMode }
  /** The dead-letter topics take no records: more replicas are asked for than there are. */
  | { kind: 'dead-letters' };

export interface FaultEvent {
  /** Milliseconds from the start. */
  at: number;
  /** Milliseconds until it is healed. */
  for: number;
  fault: Fault;
}

/** A kind of fault before its details are drawn: what, how long in seconds. */
interface Card {
  draw: (random: Random) => Fault;
  seconds: [number, number];
}

const FIRST_AT_MS = 3_000;
const GAP_MS: [number, number] = [1_500, 5_500];
/** What was killed takes its time to come back; the next fault of the same target comes after that. */
const REST_MS = 6_000;

/** Every kind once or more; dealt out before it is shuffled again, so that short runs meet most. */
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
    // Longer than the group's session timeout now and then: a frozen member loses its partitions.
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

/** The faults of a run, in order of time: the same for the same seed, length and sink. */
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

/** Two faults of one place can't be told from each other, and so are not injected together. */
export function placeOf(fault: Fault): string {
  switch (fault.kind) {
    case 'network':
      return `${fault.target} to ${fault.to}`;
    case 'sink':
      return 'sink';
    case 'dead-letters':
      // Asked of Kafka itself.
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
