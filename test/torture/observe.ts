import type { Client } from '@temporalio/client';
import type { Kafka } from '../../src/kafka/kafka';
import { createRecordReader } from '../../src/kafka/reader';
import { mapConcurrently } from '../../src/lib/concurrently';
import { deadLetterHeader } from '../../src/domain/workflow/dead-letter';
import type { AnyStream } from '../../src/domain/stream/stream';
import {
  isLetterOf,
  originalPosition,
  type DeadLetterEntry,
} from '../../src/operations/dead-letters/dead-letters';
import type { FailedEntry } from '../../src/operations/runs/failed-entry';
import { readTopic, topicRanges } from '../../src/operations/topic/read-topic';
import type { ReconcileReport } from '../../src/operations/reconcile/reconcile';
import { positionOf } from '../../src/operations/replay/replay-letters';
import { findLetters } from '../../src/operations/trace/trace-records';
import { traceStream } from '../../src/operations/trace/trace-stream';
import { cloudsync } from './command';
import type { Observed } from './judge';
import { contentKey } from './messages';

/** Reads the topic, the sink and the dead-letter topic, without CloudSync's own checks. */
export async function observeStream(
  kafka: Kafka,
  stream: AnyStream,
): Promise<Pick<Observed, 'records' | 'stored' | 'letters'>> {
  const observed: Pick<Observed, 'records' | 'stored' | 'letters'> = {
    records: [],
    stored: [],
    letters: [],
  };
  for await (const { partition, offset, key, value } of everything(kafka, stream.topic)) {
    observed.records.push({ partition, offset, content: contentKey(key, value) });
  }
  for await (const value of stream.sink.stored!()) observed.stored.push(contentKey(null, value));
  for await (const letter of everything(kafka, stream.deadLetterTopic)) {
    const place = originalPosition(letter);
    if (!place || !isLetterOf(stream, letter)) continue;
    const errorType = deadLetterHeader(letter, 'error-type');
    observed.letters.push({ ...place, content: contentKey(letter.key, letter.value), errorType });
  }
  return observed;
}

async function* everything(kafka: Kafka, topic: string) {
  const reader = createRecordReader(kafka);
  try {
    yield* readTopic(kafka, reader, topic, (await topicRanges(kafka, topic)) ?? []);
  } finally {
    await reader.close();
  }
}

/** The number of dead letters of each reason that are shown with the command line. */
const SHOWN = 2;
const CONCURRENCY = 8;

/** Dead letters that an operator can't trace to their workflows. There must be none. */
export async function untraceable(
  kafka: Kafka,
  client: Client,
  stream: AnyStream,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const only = ['--stream', stream.name];
  const [letters, failed] = await Promise.all([
    cloudsync<DeadLetterEntry[]>(['dlq', 'list', '--status', 'all', ...only], env),
    cloudsync<FailedEntry[]>(['failed', 'list', ...only], env),
  ]);
  const failedIds = new Map(failed.map((entry) => [entry.workflowId, entry]));
  const faults: string[] = [];
  for (const { workflowId, partition, offset, errorType } of letters) {
    const workflow = failedIds.get(workflowId);
    const place = `${partition}@${offset}`;
    if (!workflow) faults.push(`dead letter of ${place}: no failed workflow ${workflowId}`);
    else if (workflow.partition !== partition || workflow.offset !== offset) {
      faults.push(`dead letter of ${place}: workflow ${workflowId} is of another record`);
    } else if (workflow.errorType !== errorType) {
      faults.push(`dead letter of ${place}: ${errorType}, its workflow says ${workflow.errorType}`);
    }
  }
  const lettersOf = new Set(letters.map(({ workflowId }) => workflowId));
  for (const { workflowId, errorType } of failed) {
    if (!lettersOf.has(workflowId)) {
      faults.push(`failed workflow ${workflowId} (${errorType}) has no dead letter`);
    }
  }
  if (failed.length !== lettersOf.size) {
    faults.push(`${failed.length} failed workflows, ${lettersOf.size} with dead letters`);
  }
  return [
    ...faults,
    ...(await unanswered(letters, only, env)),
    ...(await unshown(letters, only, env)),
    ...(await untraced(kafka, client, stream)),
  ];
}

/** Dead letters for which a dry replay gives no decision: run again, send back, or the reason of a refusal. */
async function unanswered(
  letters: DeadLetterEntry[],
  only: string[],
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const plan = await cloudsync<{ records: DeadLetterEntry[] }>(
    ['dlq', 'replay', ...only, '--dry-run'],
    env,
  );
  const answered = new Set(plan.records.map(({ deadLetter }) => JSON.stringify(deadLetter)));
  return letters
    .filter(({ deadLetter }) => !answered.has(JSON.stringify(deadLetter)))
    .map(({ partition, offset }) => `dlq replay says nothing of ${partition}@${offset}`);
}

async function unshown(
  letters: DeadLetterEntry[],
  only: string[],
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const faults: string[] = [];
  const shown = new Map<string | null, number>();
  for (const { workflowId, errorType, messageId, deadLetter } of letters) {
    const count = shown.get(errorType) ?? 0;
    if (count === SHOWN) continue;
    shown.set(errorType, count + 1);
    const at = `${deadLetter.partition}:${deadLetter.offset}`;
    const details = await cloudsync<DeadLetterEntry>(['dlq', 'show', ...only, '--', at], env);
    if (details.workflowId !== workflowId) faults.push(`dlq show ${at} shows another letter`);
    // An argument of a command can't contain a null byte.
    const subject =
      messageId === null || messageId.includes('\0')
        ? ['--record', `${deadLetter.topic}/${deadLetter.partition}@${deadLetter.offset}`]
        : ['--', messageId];
    const trace = await cloudsync<unknown>(['trace', ...only, ...subject], env);
    if (!JSON.stringify(trace).includes(JSON.stringify(workflowId))) {
      faults.push(`trace ${JSON.stringify(messageId ?? at)} does not name ${workflowId}`);
    }
  }
  return faults;
}

/** Dead letters for which `trace` does not show the record, its end, its workflow and the letter. */
async function untraced(kafka: Kafka, client: Client, stream: AnyStream): Promise<string[]> {
  // The topic is read once, where the command would read it for each letter.
  const letters = (
    await findLetters(
      kafka,
      [stream],
      () => true,
      () => undefined,
    )
  ).get(stream)!;
  const faults: string[] = [];
  for await (const [letter, { verdict, runs }] of mapConcurrently(
    letters,
    CONCURRENCY,
    async ({ entry }) => {
      const one = { ...entry, otherLog: false };
      const place = positionOf(one);
      const known = { place, messageId: one.messageId, records: [], scanned: true };
      return [one, await traceStream(client, stream, { ...known, deadLetters: [one] })] as const;
    },
  )) {
    const { partition, offset, workflowId } = letter;
    const run = runs.find((one) => one.workflowId === workflowId);
    if (verdict !== 'dead-lettered' || run?.status !== 'Failed') {
      faults.push(`trace does not tell of the dead letter of ${partition}@${offset}`);
    }
  }
  return faults;
}

export function reconcileReport(name: string, env: NodeJS.ProcessEnv): Promise<ReconcileReport> {
  return cloudsync<ReconcileReport>(['reconcile', '--stream', name], env);
}
