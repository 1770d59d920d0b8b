export const LANES = ['record', 'chunk', 'both'] as const;
export const SINKS = ['file', 's3', 'blob'] as const;
export const ORDERINGS = ['none', 'key', 'partition'] as const;

/** All options that a run depends on. */
export interface TortureOptions {
  seed: number;
  /** How long messages are sent and faults are injected, in minutes. Settling comes afterwards. */
  minutes: number;
  /** `both`: a stream in each lane, on one topic. */
  lane: (typeof LANES)[number];
  sink: (typeof SINKS)[number];
  /** Messages per second. */
  rate: number;
  ordering: (typeof ORDERINGS)[number];
  /** Use an append-only sink, which shows the duplicates that the layers before the sink let through. */
  appendOnly: boolean;
  /** Seconds without messages and faults at the end, before memory and handles are judged. */
  quietSeconds: number;
  /** The longest time of settling, in minutes. */
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

/** The processes that run all the time, with the bridge workers first. */
export const BRIDGES = ['bridge-1', 'bridge-2', 'bridge-3'] as const;
export const PROCESSES = [...BRIDGES, 'worker', 'api'] as const;
export type ProcessName = (typeof PROCESSES)[number];
export type ServerName = 'kafka' | 'temporal';
/** The clients of Kafka, each with a proxy of its own. */
export const KAFKA_CLIENTS = [...PROCESSES, 'producer'] as const;
export type KafkaClient = (typeof KAFKA_CLIENTS)[number];
