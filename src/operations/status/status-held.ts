import type { Client } from '@temporalio/client';
import { quote } from '../../temporal/temporal';
import { HOLD_WORKFLOW_TYPE, type HoldMemo } from '../../domain/stream/hold';
import type { AnyStream } from '../../domain/stream/stream';

/** A partition with keys whose records wait behind a dead one. */
export interface HeldKeysOfPartition {
  topic: string;
  partition: number;
  keys: number;
  /** Offsets of the dead records that the keys wait for, the lowest first; at most 10. */
  heads: number[];
}

const MAX_HEADS = 10;

/** Lists the partitions with held keys, as far as Temporal's lists know them. */
export async function heldKeys(
  client: Client,
  { taskQueue }: Pick<AnyStream, 'taskQueue'>,
): Promise<HeldKeysOfPartition[]> {
  const query = [
    `TaskQueue = ${quote(taskQueue)}`,
    `WorkflowType = ${quote(HOLD_WORKFLOW_TYPE)}`,
    'ExecutionStatus = "Running"',
  ].join(' AND ');
  const held: HeldKeysOfPartition[] = [];
  for await (const { memo } of client.workflow.list({ query })) {
    const { topic, partition, heads } = memo as unknown as HoldMemo;
    const offsets = Object.values(heads).map(([offset]) => offset);
    offsets.sort((a, b) => a - b);
    const keys = offsets.length;
    if (keys > 0) held.push({ topic, partition, keys, heads: offsets.slice(0, MAX_HEADS) });
  }
  return held.sort((a, b) => a.partition - b.partition);
}
