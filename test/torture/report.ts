import { cpus } from 'node:os';
import type { StreamStatus } from '../../src/operations/status/status';
import type { LoggedEvent } from './event-log';
import type { JudgedRun, JudgedStream } from './judge-run';
import type { TortureOptions } from './options';
import { recoveries, type Recovery } from './recovery';
import { grown, type ResourceSummary } from './resources';
import type { Settled } from './settle';

/** Examples of each finding that a report shows. */
const SHOWN = 10;

export interface StreamReport extends Omit<JudgedStream, 'reconcile'> {
  reconcile: Pick<
    JudgedStream['reconcile'],
    'messages' | 'delivered' | 'deadLettered' | 'missing' | 'double'
  >;
  duplicates: StreamStatus['duplicates'] | null;
  retries: number | null;
}

export interface Report {
  ok: boolean;
  /** All deviations from the guarantees. */
  findings: string[];
  options: TortureOptions;
  directory: string;
  machine: string;
  seconds: { load: number; settling: number };
  messages: Record<string, Record<string, number>>;
  streams: StreamReport[];
  faults: Record<string, number>;
  recovery: Recovery[];
  /** The number of exits by itself of each process. The process is started again. */
  ownExits: Record<string, number>;
  resources: ResourceSummary[];
}

export function buildReport(run: {
  options: TortureOptions;
  directory: string;
  judged: JudgedRun;
  settled: Settled;
  loadSeconds: number;
  events: LoggedEvent[];
  messages: Report['messages'];
  resources: ResourceSummary[];
  ownExits: Report['ownExits'];
}): Report {
  const { options, judged, settled, events, resources } = run;
  const findings = [
    ...settled.unsettled.map((text) => `not settled: ${text}`),
    ...some('acknowledged and not on the topic', judged.lost),
    ...some('rejected and on the topic', judged.leaked),
    ...some('rejected and valid', judged.refused),
    ...some('taken and invalid', judged.admitted),
    ...judged.streams.flatMap((stream) => streamFindings(stream, options)),
    ...grown(resources),
  ];
  const faults: Record<string, number> = {};
  for (const { event, kind } of events) {
    if (event === 'inject') faults[kind as string] = (faults[kind as string] ?? 0) + 1;
  }
  return {
    ok: findings.length === 0,
    findings,
    options,
    directory: run.directory,
    machine: `${cpus().length} cores, Node ${process.version}`,
    seconds: { load: run.loadSeconds, settling: settled.seconds },
    messages: run.messages,
    streams: judged.streams.map((stream) => {
      const status = settled.statuses.find(({ name }) => name === stream.name);
      const { messages, delivered, deadLettered, missing, double } = stream.reconcile;
      return {
        ...stream,
        reconcile: { messages, delivered, deadLettered, missing, double },
        duplicates: status?.duplicates ?? null,
        retries: status?.retries ?? null,
      };
    }),
    faults,
    recovery: recoveries(events, judged.journal),
    ownExits: run.ownExits,
    resources,
  };
}

function streamFindings(stream: JudgedStream, { appendOnly, ordering }: TortureOptions): string[] {
  const { name, delivered, missing, double, unexpected, misordered, reconcile, writes } = stream;
  return [
    ...some(`${name}: missing`, missing),
    // An append-only sink has doubles, as it writes without a condition.
    ...(appendOnly ? [] : some(`${name}: double at the sink`, double)),
    ...some(`${name}: unexpected`, unexpected),
    ...some(`${name}: not traceable`, stream.untraceable),
    ...some(`${name}: out of order`, misordered),
    // Only few writes of killed processes are missing in the journal.
    ...(ordering !== 'none' && writes.written * 2 < delivered
      ? [`${name}: order can't be judged: ${writes.written} of ${delivered} writes in the journal`]
      : []),
    ...(reconcile.delivered !== delivered
      ? [`${name}: ${delivered} delivered, reconcile says ${reconcile.delivered}`]
      : []),
    ...(reconcile.missing > 0
      ? [`${name}: reconcile says missing: ${reconcile.missingIds.slice(0, SHOWN).join(', ')}`]
      : []),
    ...(reconcile.double > 0 && !appendOnly
      ? [`${name}: reconcile says double: ${reconcile.doubleIds.slice(0, SHOWN).join(', ')}`]
      : []),
  ];
}

function some(what: string, list: string[]): string[] {
  const rest = list.length - SHOWN;
  return [
    ...list.slice(0, SHOWN).map((one) => `${what}: ${one}`),
    ...(rest > 0 ? [`${what}: ${rest} more`] : []),
  ];
}
