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
} from '../domain/stream/hold';
import { HeldKeys } from './held-keys';
import { autoUpgrade } from './auto-upgrade';

/** Records are dead-lettered. Gives back of each why it could not be held, or null. */
export const hold = defineUpdate<(string | null)[], [DeadRecord[]]>('hold');
/** Heads are at the sink. */
export const delivered = defineUpdate<void, [DeadRecord[]]>('delivered');
/** An operator lets a key go on without its head. False where the offset is none's. */
export const giveUp = defineUpdate<boolean, [GiveUp]>('giveUp');

/**
 * Runs for as long as keys of a partition are held. Its memo tells the heads to those who deliver: the
 * server answers that by itself, without a worker, and as of the last change.
 */
export async function holdKeys(place: HeldPartition, state: HeldKeysState): Promise<void> {
  const held = new HeldKeys(state);
  const tell = () => upsertMemo({ heads: held.heads });
  // It is started together with its first update.
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
