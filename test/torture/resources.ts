import { readFileSync, readdirSync } from 'node:fs';
import type { Processes } from './inject';

const SAMPLE_EVERY_MS = 1_000;
const PAGE_BYTES = 4_096;
const GROWTH = { factor: 2, bytes: 100 * 1024 * 1024, handles: 50 };

interface Sample {
  rss: number;
  handles: number;
}

export interface ResourceSummary {
  process: string;
  pid: number;
  seconds: number;
  rssMb: { first: number; min: number; median: number; max: number; last: number };
  handles: { first: number; min: number; median: number; max: number; last: number };
}

/** Samples resident memory and open handles of the processes. It needs `/proc`. */
export class ResourceSampler {
  /** Samples by pid, because processes that replace each other have the same name. */
  readonly #samples = new Map<number, Sample[]>();
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS).unref();

  constructor(readonly processes: Processes) {}

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The processes that run now. */
  summary(): ResourceSummary[] {
    return Object.values(this.processes).flatMap(({ name, pid }) => {
      const samples = pid === undefined ? undefined : this.#samples.get(pid);
      return samples ? [summarise(name, pid!, samples)] : [];
    });
  }

  #sample(): void {
    for (const { pid, started } of Object.values(this.processes)) {
      const sample = pid === undefined || !started ? undefined : read(pid);
      if (!sample) continue;
      const samples = this.#samples.get(pid!);
      if (samples) samples.push(sample);
      else this.#samples.set(pid!, [sample]);
    }
  }
}

/** Processes with much more memory or handles at the end than at their start. */
export function grown(summaries: ResourceSummary[]): string[] {
  return summaries.flatMap(({ process, rssMb, handles }) => [
    ...(rssMb.last > rssMb.first * GROWTH.factor + GROWTH.bytes / 1024 / 1024
      ? [`${process}: memory has grown from ${rssMb.first} to ${rssMb.last} MB`]
      : []),
    ...(handles.last > handles.first + GROWTH.handles
      ? [`${process}: handles have grown from ${handles.first} to ${handles.last}`]
      : []),
  ]);
}

/** The first samples of a process, by number, that count as its start. */
const START_SAMPLES = 5;

function summarise(process: string, pid: number, samples: Sample[]): ResourceSummary {
  const of = (values: number[]) => {
    const sorted = values.toSorted((a, b) => a - b);
    return {
      first: values[Math.min(START_SAMPLES, values.length - 1)]!,
      min: sorted[0]!,
      median: sorted[Math.floor(sorted.length / 2)]!,
      max: sorted.at(-1)!,
      last: values.at(-1)!,
    };
  };
  return {
    process,
    pid,
    seconds: Math.round((samples.length * SAMPLE_EVERY_MS) / 1_000),
    rssMb: of(samples.map(({ rss }) => Math.round(rss / 1024 / 1024))),
    handles: of(samples.map(({ handles }) => handles)),
  };
}

function read(pid: number): Sample | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
    return { rss: pages * PAGE_BYTES, handles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    // The process has just ended, or this is no Linux.
    return undefined;
  }
}
