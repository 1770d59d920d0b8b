import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
} from '@temporalio/client';
import fc from 'fast-check';
import { pino, type Logger } from 'pino';
import { OPEN_GATE } from '../../../src/bridge/brake/brake';
import { StreamConsumer } from '../../../src/bridge/consumer/stream-consumer';
import type { Lane } from '../../../src/bridge/lane';
import { Outcomes } from '../../../src/bridge/outcomes/outcomes';
import type { WindowLimits } from '../../../src/bridge/partition/partition-window';
import type { Backoff } from '../../../src/bridge/starts/backoff';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { StartRate } from '../../../src/bridge/starts/start-rate';
import type { InMemoryIdempotencyService } from '../../../src/dedupe/in-memory-idempotency-service';
import type { KafkaRecord } from '../../../src/domain/record/record';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { createMetrics } from '../../../src/telemetry/metrics';
import { deferred, serviceError, type Deferred } from './fakes';
import { GroupModel, type Member } from './group-model';

/** What a bridge worker sends to start a workflow. */
export interface WorkflowStart {
  workflowId: string;
  memo: object;
}

/** A workflow that the server has. */
export interface WorkflowRun {
  memo: object;
  ended: boolean;
  /** Settles with the result of the workflow. Absent: nobody asks for the result. */
  end?: { promise: Promise<unknown> };
}

/** A start that the server has not answered. */
export type PendingStart<Start, B> = Start &
  Deferred<{ eagerlyStarted: boolean }> & {
    /** The bridge that sent the start. */
    bridge: B;
  };

/** `lost`: the start reached the server, but its answer did not arrive. `refused`: the server is not available. */
export type Answer = 'answered' | 'lost' | 'refused';

/** The parts of a bridge worker that both lanes need. */
interface BridgeParts {
  member: Member;
  consumer: StreamConsumer;
  running: RunningWorkflows;
}

/** A bridge worker. It may have lost the partition without knowing it. */
export interface Bridge extends BridgeParts {
  lane: Lane;
  idempotency?: InMemoryIdempotencyService;
}

/** Steps that every model takes. Each number picks one of the bridges or starts that there are. */
export type ClusterStep =
  | 'commit'
  | 'rebalance'
  | 'rejoin'
  | 'crash'
  | { learnsOfItsLoss: number }
  | { fetch: number; count: number; hidden?: number }
  | { answer: number; how: Answer };

/** The steps of the group's members, with how often commits and rejoins come compared to the others. */
export function memberSteps(weights: { commit: number; rejoin: number }) {
  return [
    { weight: weights.commit, arbitrary: fc.constant('commit' as const) },
    // The next owner begins while the old owner still works, as after a pause longer than the old owner's session.
    { weight: 1, arbitrary: fc.constant('rebalance' as const) },
    // The owner stays the owner, and begins again at its commit.
    { weight: weights.rejoin, arbitrary: fc.constant('rejoin' as const) },
    { weight: 1, arbitrary: fc.record({ learnsOfItsLoss: fc.nat(9) }) },
    // Starts of the crashed owner may still reach the server.
    { weight: 1, arbitrary: fc.constant('crash' as const) },
  ];
}

/** The element at `index`, counted around the list; undefined if the list is empty. */
export function pick<T>(list: T[], index: number): T | undefined {
  return list[index % list.length];
}

const metrics = createMetrics();

/** No start waits here, and a refused start is tried again at once. */
const noBackoff = {
  ready: () => Promise.resolve(),
  failed: () => 0,
  succeeded: () => undefined,
} as unknown as Backoff;

interface Given<Start, Run, B> {
  stream: AnyStream;
  log: KafkaRecord[];
  limits: WindowLimits;
  /** Creates the run of a start that reaches the server as the first of its workflow id. */
  runOf(start: PendingStart<Start, B>): Run;
  /** Finds a workflow that no start of a lane has begun. */
  otherRun?(workflowId: string): WorkflowRun | undefined;
  /** Adds a lane to the parts. `common` is what both lanes depend on. */
  bridge(parts: BridgeParts, common: CommonDependencies): B;
}

type CommonDependencies = ReturnType<typeof commonDependencies>;

/**
 * Plays Kafka and Temporal for the bridge workers of one stream. The topic has one partition. The group has one owner of
 * that partition, which alone can commit. The server takes each workflow id once, and a start waits for its answer
 * until the test gives the answer.
 */
export class ClusterModel<
  Start extends WorkflowStart,
  Run extends WorkflowRun,
  B extends Bridge = Bridge,
> {
  readonly group: GroupModel;
  /** The server's workflows by their ids. */
  readonly runs = new Map<string, Run>();
  readonly pending: PendingStart<Start, B>[] = [];
  /** The bridges that have not crashed. */
  readonly bridges: B[] = [];
  /** All bridges, also those that have crashed. */
  readonly all: B[] = [];
  owner!: B;
  readonly fatal: unknown[] = [];
  /** Lines of the level error. */
  readonly errors: string[] = [];
  readonly #logger = pino({ level: 'error' }, { write: (line) => void this.errors.push(line) });

  constructor(private readonly given: Given<Start, Run, B>) {
    this.group = new GroupModel(given.stream.topic, given.log);
  }

  /** Adds a bridge, which gets the partition. */
  async add(): Promise<void> {
    const { stream, limits } = this.given;
    const logger = this.#logger;
    const member = this.group.addMember();
    const client = this.#client(() => bridge);
    const running = new RunningWorkflows(client, logger);
    const onFatal = (error: unknown) => void this.fatal.push(error);
    const consumer = new StreamConsumer({
      ...{ stream, group: member, metrics, logger, limits, onFatal },
      recentIds: () => 0,
      stalledAfterMs: 60_000,
      silentAfterMs: 1e9,
      isStarted: () => Promise.resolve(false),
      stallCause: () => ({ reason: 'no_fetch' }),
    });
    const common = commonDependencies({ stream, client, running, consumer, logger, onFatal });
    const bridge: B = this.given.bridge({ member, consumer, running }, common);
    await consumer.start(bridge.lane);
    this.owner = bridge;
    this.bridges.push(bridge);
    this.all.push(bridge);
    await member.join();
  }

  #client(bridge: () => B): Client {
    const find = (id: string): WorkflowRun | undefined =>
      this.runs.get(id) ?? this.given.otherRun?.(id);
    const none = (id: string) => Promise.reject(new WorkflowNotFoundError('none', id, undefined));
    return {
      options: { loadedDataConverter: { payloadCodecs: [] } },
      workflow: {
        start: (_: string, options: Start) => {
          const answer = deferred<{ eagerlyStarted: boolean }>();
          this.pending.push({ ...answer, ...options, bridge: bridge() });
          return answer.promise;
        },
        getHandle: (id: string) => ({
          result: () => find(id)?.end?.promise ?? none(id),
          describe: () => {
            const run = find(id);
            if (!run) return none(id);
            const name = run.ended ? 'COMPLETED' : 'RUNNING';
            return Promise.resolve({ memo: run.memo, startTime: new Date(), status: { name } });
          },
        }),
      },
    } as unknown as Client;
  }

  async step(step: ClusterStep): Promise<void> {
    if (step === 'commit') await this.owner.consumer.commit();
    else if (step === 'rebalance') await this.add();
    else if (step === 'rejoin') await this.owner.member.join();
    else if (step === 'crash') {
      this.bridges.splice(this.bridges.indexOf(this.owner), 1);
      await this.add();
    } else if ('learnsOfItsLoss' in step) {
      const bridge = pick(this.bridges, step.learnsOfItsLoss);
      if (bridge && bridge !== this.owner) await bridge.member.join({ partitions: [] });
    } else if ('fetch' in step) {
      await pick(this.bridges, step.fetch)?.member.fetch(step.count, step.hidden);
    } else {
      const [start] = this.pending.splice(step.answer % Math.max(this.pending.length, 1), 1);
      if (start) this.#answer(start, step.how);
    }
  }

  /** Answers every start. */
  answerAll(): void {
    for (const start of this.pending.splice(0)) this.#answer(start, 'answered');
  }

  #answer(start: PendingStart<Start, B>, how: Answer): void {
    const { workflowId } = start;
    if (how === 'refused') return start.reject(serviceError(14));
    const exists = this.runs.has(workflowId);
    if (!exists) this.runs.set(workflowId, this.given.runOf(start));
    if (how === 'lost') start.reject(serviceError(4));
    else if (exists) {
      start.reject(new WorkflowExecutionAlreadyStartedError('held', workflowId, 'any'));
    } else start.resolve({ eagerlyStarted: true });
  }

  /** Stops all bridges, also those that have crashed. */
  async end(): Promise<void> {
    for (const { consumer, lane, running, idempotency, member } of this.all) {
      await member.join({ partitions: [], memberId: 'another' });
      running.stop();
      idempotency?.close();
      void lane.stop();
      await consumer.stop();
    }
  }
}

function commonDependencies(given: {
  stream: AnyStream;
  client: Client;
  running: RunningWorkflows;
  consumer: StreamConsumer;
  logger: Logger;
  onFatal: (error: unknown) => void;
}) {
  const { stream, client, running, consumer, logger, onFatal } = given;
  return {
    ...{ stream, consumer, metrics, logger, onFatal },
    start: {
      ...{ client, stream, running, metrics, logger, backoff: noBackoff, gate: OPEN_GATE },
      rate: new StartRate(() => undefined),
      signal: new AbortController().signal,
    },
    outcomes: new Outcomes({ stream, metrics, logger, brake: undefined, running, consumer }),
  };
}
