import {
  allHandlersFinished,
  condition,
  defineUpdate,
  makeContinueAsNewFunc,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  DeadRecord,
  GiveUp,
  HeldKeysState,
  HeldPartition,
  HoldMemo,
} from '../../domain/stream/hold';
import { HeldKeys } from './held-keys';
import { autoUpgrade } from '../auto-upgrade';

/** Holds the keys of dead-lettered records. Returns for each record why its key could not be held, or null. */
export const hold = defineUpdate<(string | null)[], [DeadRecord[]]>('hold');
/** Reports that the sink has these heads. */
export const delivered = defineUpdate<void, [DeadRecord[]]>('delivered');
/** An operator lets a key continue without its head. False: no key has a head at this offset. */
export const giveUp = defineUpdate<boolean, [GiveUp]>('giveUp');

/**
 * Runs while keys of a partition are held. Its memo publishes the heads to the processes that deliver records. The
 * server answers a question for the memo by itself, without a worker, and always with the last change.
 */
export async function holdKeys(place: HeldPartition, state: HeldKeysState): Promise<void> {
  const held = new HeldKeys(state);
  const tell = () => upsertMemo({ heads: held.heads });
  // The workflow starts without keys, together with its first `hold`. It must not end before that update.
  let begun = !held.isEmpty;
  setHandler(hold, (records) => {
    begun = true;
    const refusals = records.map(([keyHash, record]) => held.hold(keyHash, record) ?? null);
    tell();
    return refusals;
  });
  setHandler(delivered, (records) => {
    for (const [keyHash, record] of records) held.delivered(keyHash, record);
    tell();
  });
  setHandler(giveUp, ({ offset }) => {
    const found = held.giveUp(offset);
    if (found) tell();
    return found;
  });
  const isOver = () => (begun && held.isEmpty) || workflowInfo().continueAsNewSuggested;
  await condition(() => isOver() && allHandlersFinished());
  if (held.isEmpty) return;
  const memo: HoldMemo = { ...place, heads: held.heads };
  await makeContinueAsNewFunc<typeof holdKeys>({ memo: { ...memo } })(place, held.state);
}

autoUpgrade(holdKeys);
