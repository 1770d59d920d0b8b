import {
  Worker,
  type InjectedSinks,
  type NativeConnection,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities, type ActivityDependencies } from '../activities/create-activities';
import type { TemporalSettings } from '../temporal/temporal';
import { dataConverter } from '../temporal/encryption/data-converter';
import { workflowBundle } from '../temporal/workflow-bundle';
import type { RunningWorkflows } from '../bridge/starts/running-workflows';
import type { Outcomes } from '../bridge/outcomes/outcomes';
import type { ReplayActivities } from '../domain/stream/replay';
import type { BridgeSinks } from '../workflows/bridge-sinks';
import { reservedQueue } from '../workflows/reserved-queue';

export interface StreamWorkerOptions extends ActivityDependencies {
  replay: ReplayActivities;
  connection: NativeConnection;
  namespace: string;
  /** Payload codec and version of the worker. */
  temporal: Pick<TemporalSettings, 'codec' | 'workerVersion'>;
  /** The workflows that run in this worker report to it. */
  running?: Pick<RunningWorkflows, 'firstTaskOver' | 'ended'>;
  outcomes?: Pick<Outcomes, 'workflowEnded'>;
}

const HEARTBEAT_THROTTLE = '2s';

/** Few polls suffice, because eager starts do not wait for a poll, and each poll of an idle worker costs the server. */
const WORKFLOW_TASK_POLLS = 5;

/**
 * Creates the two Temporal workers of one stream: one for all tasks, and one whose slots are reserved for dead letters
 * and chunks. The first worker has the activities of the second one too, because workflows that an earlier version
 * began may ask it for them.
 */
export function createStreamWorkers(options: StreamWorkerOptions): Promise<Worker>[] {
  return [createStreamWorker(options), createReservedWorker(options)];
}

/** The options that both workers of a stream have in common. */
function commonOptions({ connection, namespace, temporal }: StreamWorkerOptions) {
  const { codec, workerVersion } = temporal;
  return {
    connection,
    namespace,
    // A run stays with the version in which it began, because most runs end within seconds.
    ...(workerVersion && {
      workerDeploymentOptions: {
        version: workerVersion,
        useWorkerVersioning: true,
        defaultVersioningBehavior: 'PINNED' as const,
      },
    }),
    dataConverter: dataConverter(codec),
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentActivityTaskPolls: 5,
    shutdownGraceTime: '5s',
    shutdownForceTime: '20s',
  } satisfies Partial<WorkerOptions>;
}

function createReservedWorker(options: StreamWorkerOptions): Promise<Worker> {
  return Worker.create({
    ...commonOptions(options),
    taskQueue: reservedQueue(options.stream.taskQueue),
    activities: { ...createActivities(options), ...options.replay },
    // By default people would see the progress of a replay, and a replay its stop, after 24 s only.
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  });
}

async function createStreamWorker(options: StreamWorkerOptions): Promise<Worker> {
  const { stream, running, outcomes } = options;
  const { codec } = options.temporal;
  const sinks: InjectedSinks<BridgeSinks> = {
    bridge: {
      firstTaskOver: { fn: ({ workflowId }) => running?.firstTaskOver(workflowId) },
      ended: {
        fn(workflow, outcome, letterType) {
          outcomes?.workflowEnded(workflow, outcome, letterType);
          running?.ended(workflow.workflowId, outcome);
        },
      },
    },
  };
  return Worker.create({
    ...commonOptions(options),
    taskQueue: stream.taskQueue,
    workflowBundle: await workflowBundle(stream.workflow, { encoded: codec !== undefined }),
    activities: { ...stream.workflow?.activities, ...createActivities(options) },
    sinks,
    // An eager start needs a slot that no poll holds. There are more slots than places of `maxInFlight`, because a
    // record's place comes free a moment before its slot does.
    maxConcurrentWorkflowTaskExecutions: stream.maxInFlight * 3 + WORKFLOW_TASK_POLLS,
    maxConcurrentWorkflowTaskPolls: WORKFLOW_TASK_POLLS,
    maxConcurrentLocalActivityExecutions: stream.maxInFlight + 10,
    maxCachedWorkflows: Math.max(stream.maxInFlight * 4, 500),
  });
}
