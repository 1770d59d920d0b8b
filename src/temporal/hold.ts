import { WithStartWorkflowOperation, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/common';
import {
  HOLD_WORKFLOW_TYPE,
  holdWorkflowId,
  type DeadRecord,
  type GiveUp,
  type Head,
  type HeldPartition,
  type HoldMemo,
} from '../domain/stream/hold';
import type { RecordPosition } from '../domain/record/record';
import type { AnyStream } from '../domain/stream/stream';
import { summary } from '../domain/workflow/summary';
import { GroupedCalls } from './grouped-calls';
import { withSummary } from './temporal';

const DEADLINE_MS = 10_000;
const MAX_GROUP = 500;

type Partition = Pick<RecordPosition, 'topic' | 'partition'>;

/** The held keys of the stream; undefined if the stream does not hold keys after a dead letter. */
export function holdsOf(client: Client, stream: AnyStream): Holds | undefined {
  return stream.afterDeadLetter === 'hold' ? new Holds(client, stream) : undefined;
}

/** The held keys of a stream, which Temporal keeps. All methods reject if the server does not answer. */
export class Holds {
  /** By workflow id. Updates are grouped, because the server accepts ten of a workflow at once, and 2,000 of a run. */
  readonly #updates = new Map<string, Updates>();

  constructor(
    private readonly client: Client,
    private readonly stream: Pick<AnyStream, 'name' | 'taskQueue'>,
  ) {}

  /** The current heads of the partition's held keys, by the hash of the key. */
  async heads(place: Partition): Promise<Map<string, Head>> {
    try {
      const handle = this.client.workflow.getHandle(this.#id(place));
      const { status, type, memo } = await this.#soon(() => handle.describe());
      const holds = status.name === 'RUNNING' && type === HOLD_WORKFLOW_TYPE;
      return new Map(holds ? Object.entries((memo as unknown as HoldMemo).heads) : []);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return new Map();
      throw error;
    }
  }

  /** Resolves when the key is held by its dead records up to this one. Rejects if there is no room. */
  async hold(place: Partition, record: DeadRecord): Promise<void> {
    const refusal = await this.#updatesOf(place).hold.add(record);
    if (refusal !== null) throw new Error(refusal);
  }

  /** Resolves when the key's next record is its head, or the key is no longer held. */
  async delivered(place: Partition, record: DeadRecord): Promise<void> {
    await this.#updatesOf(place).delivered.add(record);
  }

  /** Like `delivered`, for a head that shall never be delivered. False: no key has a head at this offset. */
  async giveUp(place: Partition, head: GiveUp): Promise<boolean> {
    const handle = this.client.workflow.getHandle(this.#id(place));
    try {
      return await this.#soon(() =>
        handle.executeUpdate<boolean, [GiveUp]>('giveUp', { args: [head] }),
      );
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  #updatesOf(place: Partition): Updates {
    const id = this.#id(place);
    const { topic, partition } = place;
    const held = { stream: this.stream.name, topic, partition };
    const updates = this.#updates.get(id) ?? {
      hold: new GroupedCalls(MAX_GROUP, (records: DeadRecord[]) => this.#hold(id, held, records)),
      delivered: new GroupedCalls(MAX_GROUP, (records: DeadRecord[]) =>
        this.#delivered(id, records),
      ),
    };
    this.#updates.set(id, updates);
    return updates;
  }

  #hold(
    workflowId: string,
    place: HeldPartition,
    records: DeadRecord[],
  ): Promise<(string | null)[]> {
    const { taskQueue } = this.stream;
    const memo: HoldMemo = { ...place, heads: {} };
    const holdSummary = summary(`${place.stream} held keys of ${place.topic}/${place.partition}`);
    return this.#soon(() =>
      this.client.workflow.executeUpdateWithStart<
        () => Promise<void>,
        (string | null)[],
        unknown[]
      >('hold', {
        args: [records],
        startWorkflowOperation: new WithStartWorkflowOperation(HOLD_WORKFLOW_TYPE, {
          workflowId,
          taskQueue,
          args: [place, []],
          memo: { ...memo },
          ...withSummary(this.client, holdSummary),
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        }),
      }),
    );
  }

  async #delivered(workflowId: string, records: DeadRecord[]): Promise<void[]> {
    const handle = this.client.workflow.getHandle(workflowId);
    try {
      await this.#soon(() => handle.executeUpdate('delivered', { args: [records] }));
    } catch (error) {
      // No key of the partition is held.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    return [];
  }

  #id(place: Partition): string {
    return holdWorkflowId({ ...place, stream: this.stream.name });
  }

  #soon<T>(call: () => Promise<T>): Promise<T> {
    return this.client.connection.withDeadline(Date.now() + DEADLINE_MS, call);
  }
}

interface Updates {
  /** Returns why there was no room, or null. */
  hold: GroupedCalls<DeadRecord, string | null>;
  delivered: GroupedCalls<DeadRecord, void>;
}
