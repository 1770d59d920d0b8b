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
  stream: Pick<AnyStream, 'taskQueue'>,
): Promise<HeldKeysOfPartition[]> {
  const held = (await heldHeads(client, stream)).map(({ topic, partition, heads }) => {
    return { topic, partition, keys: heads.length, heads: heads.slice(0, MAX_HEADS) };
  });
  return held.filter(({ keys }) => keys > 0);
}

/** The dead records that held keys wait for, the lowest offset first, by partition, as far as Temporal's lists know them. */
export async function heldHeads(
  client: Client,
  { taskQueue }: Pick<AnyStream, 'taskQueue'>,
): Promise<{ topic: string; partition: number; heads: number[] }[]> {
  const query = [
    `TaskQueue = ${quote(taskQueue)}`,
    `WorkflowType = ${quote(HOLD_WORKFLOW_TYPE)}`,
    'ExecutionStatus = "Running"',
  ].join(' AND ');
  const held = [];
  for await (const { memo } of client.workflow.list({ query })) {
    const { topic, partition, heads } = memo as unknown as HoldMemo;
    const offsets = Object.values(heads).map(([offset]) => offset);
    held.push({ topic, partition, heads: offsets.sort((a, b) => a - b) });
  }
  return held.sort((a, b) => a.partition - b.partition);
}
