export const LANES = ['record', 'chunk', 'both'] as const;
export const SINKS = ['file', 's3', 'blob'] as const;
export const ORDERINGS = ['none', 'key', 'partition'] as const;

/** All that a run depends on, beside the machine. */
export interface TortureOptions {
  seed: number;
  /** How long messages are sent and faults injected; settling comes after that. */
  minutes: number;
  /** With `both`, a stream of each on one topic. */
  lane: (typeof LANES)[number];
  sink: (typeof SINKS)[number];
  /** Messages a second. */
  rate: number;
  ordering: (typeof ORDERINGS)[number];
  /** A sink that appends whatever it is given: shows what the layers before the sink let through. */
  appendOnly: boolean;
  /** Seconds without messages and faults at the end, before memory and handles are judged. */
  quietSeconds: number;
  /** How long settling may take, in minutes. */
  settleMinutes: number;
}

export const DEFAULTS: TortureOptions = {
  seed: 1,
  minutes: 3,
  lane: 'both',
  sink: 'file',
  rate: 20,
  ordering: 'none',
  appendOnly: false,
  quietSeconds: 60,
  settleMinutes: 10,
};

/** The processes that run all the time, bridge workers first. */
export const BRIDGES = ['bridge-1', 'bridge-2', 'bridge-3'] as const;
export const PROCESSES = [...BRIDGES, 'worker', 'api'] as const;
export type ProcessName = (typeof PROCESSES)[number];
export type ServerName = 'kafka' | 'temporal';
/** Who speaks to Kafka, each through a proxy of its own. */
export const KAFKA_CLIENTS = [...PROCESSES, 'producer'] as const;
export type KafkaClient = (typeof KAFKA_CLIENTS)[number];
