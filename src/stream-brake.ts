import type { Client } from '@temporalio/client';
import { Brake, OPEN_GATE, type Gate } from './bridge/brake';
import { BRAKE_WORKFLOW_TYPE } from './domain/brake';
import { HOLD_WORKFLOW_TYPE } from './domain/hold';
import type { AnyStream } from './domain/stream';
import type { Logger } from './logger';
import type { Metrics } from './metrics';
import type { RecordOutcome } from './workflows/bridge-sinks';

/** The brake of one stream in one process, with what it is told by and what it tells. */
export interface StreamBrake {
  gate: Gate;
  /** Absent where the stream has none. */
  brake?: Brake;
  /** A workflow of the stream has ended in this process; `errorType`: of its dead letter. */
  closed(workflowType: string, outcome: RecordOutcome, errorType?: string): void;
  notices(): Record<string, string>;
  stop(): void;
}

/** Their records are counted as they are delivered, or they have none. */
const NO_RECORDS = ['deliverChunk', BRAKE_WORKFLOW_TYPE, HOLD_WORKFLOW_TYPE];

export function createStreamBrake(
  stream: AnyStream,
  client: Client,
  metrics: Metrics,
  logger: Logger,
): StreamBrake {
  const { name, brake: limits } = stream;
  if (!limits) {
    return {
      gate: OPEN_GATE,
      closed: () => undefined,
      notices: () => ({}),
      stop: () => undefined,
    };
  }
  const brake = new Brake({ client, stream, limits, metrics, logger });
  return {
    gate: brake,
    brake,
    // Both ends of a record are counted where its workflow runs. An activity runs anywhere: a process that
    // got those of the dead letters only would find all records dead.
    closed(workflowType, outcome, errorType = 'DeadLettered') {
      if (NO_RECORDS.includes(workflowType) || outcome === 'failed') return;
      if (outcome === 'dead_lettered') brake.deadLettered(errorType);
      else brake.delivered(1);
    },
    notices: () => {
      const notice = brake.notice();
      return notice ? { [`brake ${name}`]: notice } : {};
    },
    stop: () => brake.stop(),
  };
}
