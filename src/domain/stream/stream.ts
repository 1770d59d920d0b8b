import { z } from 'zod';
import { BRAKE, DEFAULT_BRAKE_LIMITS, type BrakeLimits } from './brake';
import { PAUSE } from './pause';
import { REPLAY_WORKFLOW_TYPE } from './replay';
import { idempotencySchema, type IdempotencySettings } from './idempotency-settings';
import { UsageError } from '../errors';
import { AFTER_DEAD_LETTER, HOLD_WORKFLOW_TYPE, type AfterDeadLetter } from './hold';
import type { KafkaRecord } from '../record/record';
import { DEFAULT_RETRY_POLICY, LARGEST_RETRY_POLICY, type RetryPolicy } from './retry-policy';
import { idFault } from './schema-id';
import type { DeliverFunction, Sink, SinkRecord, WriteContext } from './sink';
import { checkWorkflowIdTemplate, DEFAULT_WORKFLOW_ID_TEMPLATE } from '../record/workflow-id';
import { LONGEST_TIMER_MS } from './timers';

/** A user's own record workflow in place of `deliverRecord`. */
export interface RecordWorkflow {
  /**
   * The name of the exported workflow function. It is called with a `RecordInput` and the stream's
   * `RetryPolicy`.
   */
  type: string;
  /** Absolute path of the file that exports it. */
  workflowsPath: string;
  /** Activities that only this workflow needs; `deliver` and `deadLetter` are always available. */
  activities?: object;
}

/** What {@link defineStream} takes. `messageId` is needed unless the schema gives messages an `id`. */
export type StreamOptions<Schema extends z.ZodType> = BaseStreamOptions<Schema> &
  ([z.output<Schema>] extends [MessageWithId]
    ? unknown
    : {
        /** See {@link BaseStreamOptions.messageId}. */
        messageId: (message: z.output<Schema>, record: KafkaRecord) => string | number;
      });

/** What a schema must give for a stream to do without `messageId`. */
export interface MessageWithId {
  /** The message's id: 1 to 1,024 characters, or a safe integer. */
  id: string | number;
}

/** The options of every stream. All but `name`, `topic`, `schema` and `sink` have defaults. */
export interface BaseStreamOptions<Schema extends z.ZodType> {
  /** Names the stream in workflow ids, topics, metrics: 1 to 64 of `a-z 0-9 . _ -`. */
  name: string;
  /** The topic to consume. */
  topic: string;
  /** Kafka consumer group. Default `<name>-sync-group`. */
  groupId?: string;
  /** The topic of records that failed for good. Default `<name>-sync-dlq`. */
  deadLetterTopic?: string;
  /** The form of a message. Records that do not match it are dead-lettered. */
  schema: Schema;
  /**
   * Returns a message's id: 1 to 1,024 characters, or a safe integer, which counts as its decimal digits. It sees the
   * record too, for ids that stand in the key or in a header. A record that `dlq replay` sends back lies at another offset
   * and has two more headers. Default: the message's `id`. Required if the schema does not give messages such an `id`.
   */
  messageId?: (message: z.output<Schema>, record: KafkaRecord) => string | number;
  /**
   * Says whether the stream takes a record, before the record is decoded. If it returns `false`, the record is skipped,
   * without a workflow or a dead letter, and counted as `filtered`. If it throws, or returns something else, the record is
   * dead-lettered as `FilterFailed`. A `DeliveryError` of type `Transient` or `Throttled` lets the partition wait, as with
   * `decode`. It must give the same answer each time. Default: every record is taken.
   */
  accept?: (record: KafkaRecord) => boolean;
  /** As `accept`, but for a message that matches the schema, before its id is asked for. Default: every message is taken. */
  filter?: (message: z.output<Schema>, record: KafkaRecord) => boolean;
  /**
   * Turns a record's bytes into the value that the schema checks, or into a promise of that value. Must not
   * change the bytes. Default: parses JSON. If it throws, the record is dead-lettered as `DecodeFailed`. If
   * it throws a `DeliveryError` of type `Transient` or `Throttled`, the record's partition waits and the
   * record is decoded again.
   */
  decode?: (value: Buffer, record: KafkaRecord) => unknown;
  /** Where records are delivered: a sink of CloudSync, an object of your own, or a function. */
  sink: Sink<z.output<Schema>> | DeliverFunction<z.output<Schema>>;
  /** How often and how long a record is tried. Default {@link DEFAULT_RETRY_POLICY}. */
  retry?: Partial<RetryPolicy>;
  /** How many messages a bridge worker remembers, and for how long. Default: 100,000 for 60 min. */
  idempotency?: Partial<IdempotencySettings>;
  /**
   * Template of workflow ids. Default `{stream}-{messageId}-{offset}`; `{topic}` and `{partition}` may be
   * added. Add them if one message id can come again on another partition as a new record.
   */
  workflowId?: string;
  /** A workflow of your own in place of the framework's; only in the record lane. Default: the framework's. */
  workflow?: RecordWorkflow;
  /**
   * Whether each record gets a workflow of its own, or a chunk of records shares one. Default
   * `{ lane: 'record' }`.
   */
  execution?: ExecutionOptions;
  /** Which records are delivered one after another. Default `none`. */
  ordering?: Ordering;
  /**
   * What happens after a record of a key was dead-lettered, with `ordering: 'key'`. `continue`: the key's
   * next record is delivered. `hold`: the key's later records are dead-lettered as well, as `HeldByKey`,
   * until the first one is replayed or given up. Default `continue`.
   */
  afterDeadLetter?: AfterDeadLetter;
  /**
   * What happens to a record without a value (a tombstone). `deadLetter`: the record is dead-lettered as
   * `NullValue`. `skip`: the record is skipped, without a workflow or a dead letter, and counted as
   * `filtered`. Default `deadLetter`.
   */
  onNull?: OnNull;
  /**
   * What happens to a record batch whose bytes can't be decoded: its CRC is wrong, its codec is unknown, or
   * its compression is broken. `stall`: the partition waits until an operator acts. The worker reports the
   * partition, the batch's offset and the cause. `deadLetter`: the batch's raw bytes go to the dead-letter
   * topic, and the partition continues. Other partitions continue in both cases. Default `stall`.
   */
  onUnreadable?: OnUnreadable;
  /**
   * When the stream is braked because too many of its records are dead-lettered; `false`: never. Default: 50
   * dead letters within a minute that are at least half of the records that ended. For invalid records, the
   * share is 90 %.
   */
  brake?: Partial<BrakeLimits> | false;
  /**
   * The most records in their first workflow task at once, in one bridge worker. Default 30, at most 1,000.
   */
  maxInFlight?: number;
  /** The most open workflows that one bridge worker has started. Default 1,000. */
  maxOpen?: number;
}

/**
 * `none`: records are delivered concurrently. `key`: the next record of a key is delivered once its
 * predecessor is delivered or dead-lettered; records without a key have no order. `partition`: all records of
 * a partition, with or without a key, are delivered one after another.
 */
export type Ordering = 'none' | 'key' | 'partition';
const ORDERINGS = ['none', 'key', 'partition'] as const satisfies readonly Ordering[];

/** See {@link BaseStreamOptions.onNull}. */
export type OnNull = 'deadLetter' | 'skip';
const ON_NULL = ['deadLetter', 'skip'] as const satisfies readonly OnNull[];

/** See {@link BaseStreamOptions.onUnreadable}. */
export type OnUnreadable = 'stall' | 'deadLetter';
const ON_UNREADABLE = ['stall', 'deadLetter'] as const satisfies readonly OnUnreadable[];

/**
 * The lane of a stream. `record`: each record has a workflow. `chunk`: a run of consecutive records of a partition has one,
 * which ends as soon as one of the {@link ChunkLimits} is reached.
 */
export type ExecutionOptions =
  | {
      /** The record lane. */
      lane: 'record';
    }
  | ({
      /** The chunk lane; limits that are absent have their defaults. */
      lane: 'chunk';
    } & Partial<ChunkLimits>);

/** The limits of a chunk. A chunk is complete as soon as it reaches one of them. */
export interface ChunkLimits {
  /** Records of a chunk: 1 to 100,000. Default 2,000. */
  maxRecords: number;
  /**
   * The most bytes of keys, values and headers together. A larger record becomes a chunk of its own. Default
   * 4 MiB.
   */
  maxBytes: number;
  /** How long the first record waits for others, in milliseconds: 0 to 60,000. Default 20. */
  lingerMs: number;
}

export const DEFAULT_CHUNK_LIMITS: ChunkLimits = {
  maxRecords: 2_000,
  maxBytes: 4 * 1024 * 1024,
  lingerMs: 20,
};

export const LARGEST_CHUNK_LIMITS = { maxRecords: 100_000, lingerMs: 60_000 } as const;

/** The beginning of a task queue's name; the stream's name follows. */
export const TASK_QUEUE_PREFIX = 'cloudsync-';

/** A stream as the framework uses it: every default filled in. Made by {@link defineStream}. */
export interface Stream<Message = unknown> {
  /** Names the stream in workflow ids, metrics, and the defaults of other names. */
  readonly name: string;
  /** The topic that the stream consumes. */
  readonly topic: string;
  /** Its Kafka consumer group. */
  readonly groupId: string;
  /** The topic of records that failed for good. */
  readonly deadLetterTopic: string;
  /** Temporal's task queue of the stream: `cloudsync-<name>`. */
  readonly taskQueue: string;
  /** What a message must look like. */
  readonly schema: z.ZodType<Message>;
  /** Gives the id of a message. */
  messageId(this: void, message: Message, record: KafkaRecord): string | number;
  /** Whether the stream takes a record, before it is decoded. Absent: every record. */
  accept?(this: void, record: KafkaRecord): boolean;
  /** Whether the stream takes a message. Absent: every message. */
  filter?(this: void, message: Message, record: KafkaRecord): boolean;
  /** Turns a record's bytes into what the schema checks. Absent: JSON. */
  decode?(this: void, value: Buffer, record: KafkaRecord): unknown;
  /** Where records are delivered. */
  readonly sink: Sink<Message>;
  /** How often and how long a record is tried. */
  readonly retry: RetryPolicy;
  /** How many messages a bridge worker remembers, and for how long; what is absent has its default. */
  readonly idempotency: Partial<IdempotencySettings>;
  /** Template of workflow ids. */
  readonly workflowId: string;
  /** The user's own workflow of a record; `undefined`: the framework's. */
  readonly workflow: RecordWorkflow | undefined;
  /** The lane, with the limits of chunks. */
  readonly execution: StreamExecution;
  /** Which records are delivered one after the other. */
  readonly ordering: Ordering;
  /** What follows a record of a key that was dead-lettered. */
  readonly afterDeadLetter: AfterDeadLetter;
  /** What happens to a record without a value. */
  readonly onNull: OnNull;
  /** What happens to a record batch whose bytes can't be decoded. */
  readonly onUnreadable: OnUnreadable;
  /** When the stream is braked because too many of its records are dead-lettered; `false`: never. */
  readonly brake: BrakeLimits | false;
  /** Records that may be in their first workflow task at once, in one bridge worker. */
  readonly maxInFlight: number;
  /** Workflows started by one bridge worker that may be open at once. */
  readonly maxOpen: number;
}

/** The lane of a stream with every limit filled in; see {@link ExecutionOptions}. */
export type StreamExecution =
  | {
      /** The record lane. */
      readonly lane: 'record';
    }
  | ({
      /** The chunk lane. */
      readonly lane: 'chunk';
    } & ChunkLimits);

/** A stream of any message, for lists of streams. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- lists hold streams of any message
export type AnyStream = Stream<any>;

/** Workflows of a whole stream. Their memos name the stream, as those of its records do. */
export const STREAM_WORKFLOWS: readonly string[] = [
  BRAKE.workflowType,
  PAUSE.workflowType,
  HOLD_WORKFLOW_TYPE,
  REPLAY_WORKFLOW_TYPE,
];

const RESERVED_WORKFLOWS = [
  ...['deliverRecord', 'invalidRecord', 'deliverChunk'],
  ...STREAM_WORKFLOWS,
];

const topicName = z
  .string()
  .regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must be 1 to 249 of a-z A-Z 0-9 . _ -')
  .refine((name) => name !== '.' && name !== '..', 'must not be . or ..');
const count = z.number().int().min(1);
const milliseconds = count.max(LONGEST_TIMER_MS);
const isFunction = (value: unknown) => typeof value === 'function';
const functionType = z.custom(isFunction, 'must be a function');

/** The options that a person may write. `undefined` counts as absent. */
const optionsSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 . _ -'),
  topic: topicName,
  groupId: z.string().min(1).max(255).optional(),
  deadLetterTopic: topicName.optional(),
  schema: z.custom(
    (value) => isFunction((value as { safeParse?: unknown } | null | undefined)?.safeParse),
    'must be a zod schema',
  ),
  messageId: functionType.optional(),
  accept: functionType.optional(),
  filter: functionType.optional(),
  decode: functionType.optional(),
  sink: z.custom(
    (value) => isFunction(value) || isFunction((value as Partial<Sink> | null | undefined)?.write),
    'must be a function, or an object with a function write',
  ),
  retry: z
    .strictObject({
      fastAttempts: count.max(LARGEST_RETRY_POLICY.fastAttempts),
      maximumAttempts: count,
      initialIntervalMs: count.max(LARGEST_RETRY_POLICY.initialIntervalMs),
      backoffCoefficient: z.number().min(1),
      maximumIntervalMs: count.max(LARGEST_RETRY_POLICY.maximumIntervalMs),
      attemptTimeoutMs: milliseconds.min(1000),
    })
    .partial()
    .optional(),
  idempotency: idempotencySchema.optional(),
  workflowId: z
    .string()
    .superRefine((template, context) => {
      const fault = checkWorkflowIdTemplate(template);
      if (fault) context.addIssue({ code: 'custom', message: fault });
    })
    .optional(),
  workflow: z
    .strictObject({
      type: z
        .string()
        .min(1)
        .refine((type) => !RESERVED_WORKFLOWS.includes(type), {
          error: ({ input }) => `${String(input)} is a reserved workflow name`,
        }),
      workflowsPath: z.string().min(1),
      activities: z.looseObject({}).optional(),
    })
    .optional(),
  execution: z
    .discriminatedUnion('lane', [
      z.strictObject({ lane: z.literal('record') }),
      z.strictObject({
        lane: z.literal('chunk'),
        maxRecords: count.max(LARGEST_CHUNK_LIMITS.maxRecords).optional(),
        maxBytes: count.optional(),
        lingerMs: z.number().int().min(0).max(LARGEST_CHUNK_LIMITS.lingerMs).optional(),
      }),
    ])
    .optional(),
  ordering: z.enum(ORDERINGS).optional(),
  afterDeadLetter: z.enum(AFTER_DEAD_LETTER).optional(),
  onNull: z.enum(ON_NULL).optional(),
  onUnreadable: z.enum(ON_UNREADABLE).optional(),
  brake: z
    .union([
      z.literal(false),
      z
        .strictObject({
          share: z.number().gt(0).max(1),
          invalidShare: z.number().gt(0).max(1),
          minimum: count,
          windowMs: milliseconds.min(1_000),
          probeAfterMs: milliseconds.max(LONGEST_TIMER_MS / 10),
        })
        .partial(),
    ])
    .optional(),
  maxInFlight: count.max(1000).optional(),
  maxOpen: count.optional(),
});

/**
 * Defines a stream: its topic, its messages, its sink and its retries. Throws a {@link UsageError} that names
 * every wrong option.
 */
export function defineStream<Schema extends z.ZodType>(
  options: StreamOptions<Schema>,
): Stream<z.output<Schema>> {
  type Message = z.output<Schema>;
  const result = optionsSchema.safeParse(options);
  if (!result.success) {
    const name = JSON.stringify((options as { name?: unknown } | undefined)?.name);
    throw new UsageError(`stream ${name}: ${z.prettifyError(result.error)}`);
  }
  const { name, topic, execution, sink, schema, workflow, brake } = options;
  const { messageId, accept, filter, decode } = options;
  const settings = {
    name,
    topic,
    groupId: options.groupId ?? `${name}-sync-group`,
    deadLetterTopic: options.deadLetterTopic ?? `${name}-sync-dlq`,
    workflowId: options.workflowId ?? DEFAULT_WORKFLOW_ID_TEMPLATE,
    retry: { ...DEFAULT_RETRY_POLICY, ...options.retry },
    execution:
      execution?.lane === 'chunk'
        ? { ...DEFAULT_CHUNK_LIMITS, ...execution }
        : { lane: 'record' as const },
    ordering: options.ordering ?? 'none',
    afterDeadLetter: options.afterDeadLetter ?? 'continue',
    onNull: options.onNull ?? 'deadLetter',
    onUnreadable: options.onUnreadable ?? 'stall',
    brake: brake === false ? (false as const) : { ...DEFAULT_BRAKE_LIMITS, ...brake },
    maxInFlight: options.maxInFlight ?? 30,
    maxOpen: options.maxOpen ?? 1_000,
  };
  const idless = messageId ? undefined : idFault(schema);
  if (idless) {
    throw new UsageError(
      `stream ${name}: ${idless}; give the schema a string id, or the stream a messageId`,
    );
  }
  if (settings.deadLetterTopic === topic) {
    throw new UsageError(`stream ${name}: topic and deadLetterTopic are the same`);
  }
  if (settings.afterDeadLetter === 'hold' && settings.ordering !== 'key') {
    throw new UsageError(`stream ${name}: afterDeadLetter 'hold' needs ordering 'key'`);
  }
  if (workflow && settings.execution.lane === 'chunk') {
    throw new UsageError(`stream ${name}: option workflow needs execution: { lane: 'record' }`);
  }
  return Object.freeze({
    ...settings,
    taskQueue: `${TASK_QUEUE_PREFIX}${name}`,
    schema: schema as z.ZodType<Message>,
    messageId: messageId ?? idOf,
    ...(accept && { accept }),
    ...(filter && { filter }),
    ...(decode && { decode }),
    sink: typeof sink === 'function' ? functionSink(sink) : sink,
    idempotency: options.idempotency ?? {},
    workflow,
  });
}

/**
 * Checks that the streams of one process, or of one application, have different names and consumer groups. If
 * two streams shared a group, each would get only a part of the records. Throws a {@link UsageError}.
 */
export function checkDistinct(streams: AnyStream[]): void {
  const firstRepeat = (values: string[]) =>
    values.find((value, index) => values.indexOf(value) !== index);
  const name = firstRepeat(streams.map((stream) => stream.name));
  if (name) throw new UsageError(`two streams are called ${name}`);
  const groupId = firstRepeat(streams.map((stream) => stream.groupId));
  if (groupId) throw new UsageError(`two streams have the consumer group ${groupId}`);
}

function idOf(message: unknown): string | number {
  return (message as { id: string | number }).id;
}

function functionSink<Message>(deliver: DeliverFunction<Message>): Sink<Message> {
  return {
    async write(record: SinkRecord<Message>, context: WriteContext) {
      return (await deliver(record, context)) ?? { outcome: 'written' };
    },
  };
}
