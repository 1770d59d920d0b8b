import { describePosition } from '../../domain/record/record';
import type { StatusCounts } from '../../operations/letter-index/letter-groups';
import type { StreamStatus } from '../../operations/status/status';
import type { StalledPartition } from '../../operations/status/status-progress';

/** Something that is wrong with a stream now. */
export interface Problem {
  kind:
    | 'noTopic'
    | 'paused'
    | 'braked'
    | 'noConsumers'
    | 'stuck'
    | 'stalled'
    | 'retrying'
    | 'held'
    | 'deadLetters';
  stream: string;
  /** Since when, ISO 8601; null if that is not known. */
  since: string | null;
  /** What is wrong, and why. */
  text: string;
  /** What a person can do. */
  advice: string;
  /** The command that does it; null if there is none. */
  command: string | null;
}

/** What is wrong with a stream, the gravest first. */
export function problemsOf(
  status: StreamStatus,
  letters: StatusCounts | null,
  since: string | null,
): Problem[] {
  return [
    ...noTopic(status),
    ...paused(status),
    ...braked(status),
    ...noConsumers(status),
    ...stuck(status),
    ...stalled(status),
    ...retrying(status),
    ...held(status),
    ...unsettledLetters(status.name, letters, since),
  ];
}

function hasTopic({ lagByPartition }: StreamStatus): boolean {
  // A topic that exists has a partition.
  return Object.keys(lagByPartition).length > 0;
}

function noTopic(status: StreamStatus): Problem[] {
  if (hasTopic(status)) return [];
  const { name: stream, topic } = status;
  return [
    {
      ...{ kind: 'noTopic', stream, since: null },
      text: `The topic ${topic} does not exist.`,
      advice: 'Create the topics of the stream.',
      command: `cloudsync topics create --stream ${stream}`,
    },
  ];
}

function paused({ name: stream, paused: pause }: StreamStatus): Problem[] {
  if (!pause) return [];
  const why = pause.reason === null ? '' : `: ${pause.reason}`;
  return [
    {
      ...{ kind: 'paused', stream, since: pause.since },
      text: `${pause.by} paused the stream${why}.`,
      advice: 'Resume the stream when the reason is gone.',
      command: `cloudsync resume --stream ${stream}`,
    },
  ];
}

function braked({ name: stream, braked: brake }: StreamStatus): Problem[] {
  if (!brake) return [];
  const { deadLetters, share, reason, since } = brake;
  return [
    {
      ...{ kind: 'braked', stream, since },
      text: `The stream is braked: ${deadLetters} records became dead letters, ${Math.round(share * 100)} % of those that ended. The last error was ${reason}.`,
      advice: 'Mend the cause. The stream probes by itself, and resume ends the brake at once.',
      command: `cloudsync resume --stream ${stream}`,
    },
  ];
}

function noConsumers(status: StreamStatus): Problem[] {
  const { name: stream, consumers, topic, groupId } = status;
  if (!hasTopic(status) || consumers.members.length > 0) return [];
  return [
    {
      ...{ kind: 'noConsumers', stream, since: null },
      text: `Nobody consumes ${topic} for the group ${groupId}.`,
      advice:
        'Start a bridge worker. If one runs, its log and /readyz say what it waits for, often the sink.',
      command: `cloudsync bridge start --stream ${stream}`,
    },
  ];
}

function stuck({ name: stream, slow }: StreamStatus): Problem[] {
  if (!slow.stuck) return [];
  const { count, since, errorMessage } = slow.stuck;
  return [
    {
      ...{ kind: 'stuck', stream, since },
      text: `The workflow task of ${workflows(count)} fails again and again: ${errorMessage ?? 'it times out'}.`,
      advice: 'Deploy the code that started them, or mend the code. They then go on by themselves.',
      command: `cloudsync failed list --stream ${stream}`,
    },
  ];
}

function stalled({ name: stream, topic, stalled: partitions }: StreamStatus): Problem[] {
  return partitions.map((one) => ({
    ...{ kind: 'stalled', stream, since: one.since },
    text: `Partition ${one.partition} makes no progress at offset ${one.offset}: ${one.reason}${causeOf(one)}.`,
    ...(one.reason === 'unreadable'
      ? {
          advice: 'If the batch is lost, dead-letter its bytes, so that the partition goes on.',
          command: `cloudsync skip-batch --stream ${stream} --at ${topic}/${one.partition}@${one.offset} --dry-run`,
        }
      : {
          advice: 'The reason names the part to look at.',
          command: `cloudsync status --stream ${stream}`,
        }),
  }));
}

function causeOf({ workflowId, detail }: StalledPartition): string {
  if (workflowId !== null) return `, waits for ${workflowId}`;
  return detail === null ? '' : `, ${detail}`;
}

function retrying({ name: stream, slow }: StreamStatus): Problem[] {
  if (!slow.retrying) return [];
  const { count, since, errorType, errorMessage } = slow.retrying;
  return [
    {
      ...{ kind: 'retrying', stream, since },
      text: `${count} of the ${slow.lookedAt} oldest open workflows wait for another attempt. The last error was ${errorType ?? 'Error'}: ${errorMessage}.`,
      advice: 'Mend what the error names. The records then go through by themselves.',
      command: `cloudsync status --stream ${stream} --watch`,
    },
  ];
}

function held({ name: stream, held: partitions }: StreamStatus): Problem[] {
  return partitions.map(({ topic, partition, keys, heads }) => {
    const [head] = heads.map((offset) => describePosition({ topic, partition, offset }));
    return {
      ...{ kind: 'held', stream, since: null },
      text: `Records of ${keys === 1 ? 'one key' : `${keys} keys`} in partition ${partition} wait behind dead ones, the first at ${head}.`,
      advice: 'Replay the dead letters, or give the first one up.',
      command: `cloudsync dlq replay --stream ${stream}`,
    };
  });
}

/** Dead letters that nobody has settled. They are known also while the rest of the status is not. */
export function unsettledLetters(
  stream: string,
  letters: StatusCounts | null,
  since: string | null,
): Problem[] {
  const count = letters ? letters.open + letters.held : 0;
  if (count === 0) return [];
  return [
    {
      ...{ kind: 'deadLetters', stream, since },
      text: `${count === 1 ? 'One dead letter is' : `${count} dead letters are`} open.`,
      advice: 'Mend the cause, then replay them. Discard those that shall not be delivered.',
      command: `cloudsync dlq replay --stream ${stream}`,
    },
  ];
}

function workflows(count: number): string {
  return count === 1 ? 'one workflow' : `${count} workflows`;
}
