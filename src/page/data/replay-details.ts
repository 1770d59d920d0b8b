import type { ReplayOutcome } from '../../domain/stream/replay';
import type { ListedReplay } from '../../operations/replay/replay-list';
import { replayOutcomes, type LetterOutcome } from '../../operations/replay/replay-outcomes';
import { failureOf, lookAt, runningReplay } from '../../operations/replay/replay-start';
import { faultsOf } from './answers';
import type { PageData } from './page-data';

/** A replay with what it did with each letter. */
export interface ShownReplay {
  replay: ListedReplay;
  /** Letters whose turn has come in a second, on average since the replay's run began; null unless it runs. */
  perSecond: number | null;
  /** The last one first. */
  outcomes: LetterOutcome[];
  /** The cursor of the next page; null if no letter is left. */
  next: string | null;
  notices: string[];
}

export interface ReplayOptions {
  outcome?: ReplayOutcome | undefined;
  cursor?: string | undefined;
  limit: number;
}

/** Reads a replay for its screen. Undefined if no stream has a replay of this id. */
export async function showReplay(
  data: PageData,
  id: string,
  { outcome, cursor, limit }: ReplayOptions,
): Promise<ShownReplay | undefined> {
  const found = await data.replayOf(id);
  if (!found) return undefined;
  const { stream, replay } = found;
  const running = await data.ask(['look', stream.name], (client) =>
    runningReplay(client, stream).then(
      async (one) =>
        one && { ...(await lookAt(client, stream.name, one.run)), startedAt: one.run.startTime },
    ),
  );
  const failed = await data.ask(['failure', stream.name, id], (client) =>
    replay.state === 'stopped' ? failureOf(client, stream, id) : Promise.resolve(undefined),
  );
  const isUnderWay = replay.state === 'running' || replay.state === 'waiting';
  const { log } = (await data.letters(stream)).indexer;
  const last = isUnderWay ? undefined : log.replayOffsets.get(id);
  const done = await data.askKafka(['outcomes', stream.name, id, outcome, cursor, last], () =>
    replayOutcomes(data.kafka, data.reader, stream, id, {
      ...{ cursor, limit, last, outcomes: outcome && [outcome] },
    }),
  );
  const { outcomes = [], next = null } = done.value ?? {};
  return {
    ...{ replay, outcomes, next, perSecond: perSecond(replay, running.value?.startedAt) },
    notices: [
      ...faultsOf({
        'The replay': running,
        Letters: done,
      }),
      ...(isUnderWay ? (running.value?.notices ?? []) : []),
      ...(failed.value === undefined ? [] : [`The replay failed: ${failed.value}`]),
    ],
  };
}

/** A replay that was resumed counts from its last run on, which has looked at all letters again. */
function perSecond({ state, progress }: ListedReplay, startedAt: Date | undefined): number | null {
  if (state !== 'running' || !progress || !startedAt) return null;
  const seconds = (Date.now() - startedAt.getTime()) / 1_000;
  return seconds > 0 ? progress.done / seconds : null;
}
