import { Worker, type InjectedSinks, type NativeConnection } from '@temporalio/worker';
import { createActivities, type ActivityDependencies } from './activities/create-activities';
import type { TemporalSettings } from './clients/temporal';
import { dataConverter } from './codec/data-converter';
import { workflowBundle } from './workflow-bundle';
import type { StreamBrake } from './stream-brake';
import type { BridgeSinks } from './workflows/bridge-sinks';

export interface StreamWorkerOptions extends ActivityDependencies {
  connection: NativeConnection;
  namespace: string;
  /** Payload codec and version of the worker. */
  temporal: Pick<TemporalSettings, 'codec' | 'workerVersion'>;
  /** Told by the workflows that run in this worker. */
  bridge?: {
    /** Whether this process has started the workflow, and not heard of its end. */
    has(workflowId: string): boolean;
    handedOver(workflowId: string): void;
    closed(workflowId: string, outcome: Parameters<BridgeSinks['bridge']['closed']>[0]): void;
  };
  brake?: Pick<StreamBrake, 'closed'>;
}

/** Polls of an idle worker cost the server; eager starts do not wait for a poll. */
const WORKFLOW_TASK_POLLS = 5;

/** The Temporal worker of one stream. */
export async function createStreamWorker(options: StreamWorkerOptions): Promise<Worker> {
  const { stream, connection, namespace, bridge, brake } = options;
  const { codec, workerVersion } = options.temporal;
  const sinks: InjectedSinks<BridgeSinks> = {
    bridge: {
      handedOver: { fn: ({ workflowId }) => bridge?.handedOver(workflowId) },
      closed: {
        fn({ workflowId, workflowType }, outcome, letterType) {
          if (bridge?.has(workflowId)) brake?.closed(workflowType, outcome, letterType);
          bridge?.closed(workflowId, outcome);
        },
      },
    },
  };
  return Worker.create({
    connection,
    namespace,
    taskQueue: stream.taskQueue,
    // A run stays with the version that it began in: most end within seconds.
    ...(workerVersion && {
      workerDeploymentOptions: {
        version: workerVersion,
        useWorkerVersioning: true,
        defaultVersioningBehavior: 'PINNED',
      },
    }),
    dataConverter: dataConverter(codec),
    workflowBundle: await workflowBundle(stream.workflow, { encoded: codec !== undefined }),
    activities: { ...stream.workflow?.activities, ...createActivities(options) },
    sinks,
    // An eager start needs a slot that no poll holds; a place is freed a moment before its slot is.
    maxConcurrentWorkflowTaskExecutions: stream.maxInFlight * 3 + WORKFLOW_TASK_POLLS,
    maxConcurrentWorkflowTaskPolls: WORKFLOW_TASK_POLLS,
    maxConcurrentLocalActivityExecutions: stream.maxInFlight + 10,
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentActivityTaskPolls: 5,
    maxCachedWorkflows: Math.max(stream.maxInFlight * 4, 500),
    shutdownGraceTime: '5s',
    shutdownForceTime: '20s',
  });
}
