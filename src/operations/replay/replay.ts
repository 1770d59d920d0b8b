import type { Client } from '@temporalio/client';
import { openTransactional } from '../../kafka/producer/transactional-producer';
import { createRecordReader } from '../../kafka/reader';
import type { Kafka } from '../../kafka/kafka';
import { stateTopic } from '../../domain/stream/state-topic';
import type { AnyStream } from '../../domain/stream/stream';
import {
  replayWorkflowId,
  type ReplayProgress,
  type ReplayRequest,
} from '../../domain/stream/replay';
import { readStates } from '../dead-letters/letter-states';
import { stateMessage, type ReplayEntry } from '../dead-letters/state-entries';
import { createStateTopic } from '../topics';
import { ReplayJournal, type LetterResult } from './replay-journal';
import { planReplay } from './replay-plan';
import { runReplay } from './replay-run';

export interface ReplayTools {
  kafka: Kafka;
  client: Client;
  stream: AnyStream;
  /** Aborting it ends the replay, or this attempt of it, after the records under way. */
  signal: AbortSignal;
  /** Whether the signal has aborted because somebody stopped the replay. Otherwise another attempt goes on. */
  isStopped: () => boolean;
  /** Receives how far the replay has come. The object changes as the replay goes on. */
  onProgress: (progress: ReplayProgress) => void;
}

/**
 * Makes the plan of a replay and carries it out. What the same replay did before counts, so another attempt goes on where
 * the last one ended.
 */
export async function replayLetters(
  { kafka, client, stream, signal, isStopped, onProgress }: ReplayTools,
  request: ReplayRequest,
): Promise<ReplayProgress> {
  const { replay, filters, maxReplays, ranges, wait, rate } = request;
  const progress: ReplayProgress = {
    text: 'begins',
    done: 0,
    total: null,
    counts: {},
    notices: [],
  };
  const tell = (change: Partial<ReplayProgress>) => onProgress(Object.assign(progress, change));
  tell({});
  await createStateTopic(kafka, stream);
  // From now on an earlier attempt can write and send nothing more, so the states that are read next are complete.
  const producer = await openTransactional(kafka, replayWorkflowId(stream.name));
  const reader = createRecordReader(kafka);
  const failed = new AbortController();
  const keep = (ended: Pick<ReplayEntry, 'endedAt' | 'stopped'>) => {
    const entry: ReplayEntry = { kind: 'replay', request, ...ended, counts: progress.counts };
    const message = { topic: stateTopic(stream), messages: [stateMessage(entry)] };
    return producer.transaction((send) => send(message));
  };
  const run = async () => {
    const states = await readStates(kafka, reader, stream);
    const plan = await planReplay(kafka, client, stream, {
      ...{ filters, maxReplays, ranges, replay, states },
      onProgress: (text) => {
        signal.throwIfAborted();
        tell({ text });
      },
      onNotice: (text) => tell({ notices: [...progress.notices, text] }),
    });
    const { counts } = progress;
    const count = ({ outcome, end }: Pick<LetterResult, 'outcome' | 'end'>) => {
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      if (end) counts[end] = (counts[end] ?? 0) + 1;
    };
    plan.superseded.forEach(() => count({ outcome: 'superseded' }));
    tell({ text: 'replays', total: plan.queues.flat().length });
    await runReplay(
      {
        ...{ kafka, client, stream, reader, wait, rate },
        journal: new ReplayJournal(producer, stream, replay, states, () => failed.abort()),
        signal: AbortSignal.any([signal, failed.signal]),
        onResult: (result) => {
          count(result);
          tell({ done: progress.done + 1 });
        },
      },
      plan,
    );
  };
  try {
    await keep({ endedAt: null, stopped: false });
    await run().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    const stopped = isStopped();
    if (signal.aborted && !stopped) throw new Error('the worker ends, and another one goes on');
    await keep({ endedAt: new Date().toISOString(), stopped });
    tell({ text: stopped ? 'stopped' : 'done' });
    return progress;
  } finally {
    await Promise.all([producer.close(), reader.close()]);
  }
}
