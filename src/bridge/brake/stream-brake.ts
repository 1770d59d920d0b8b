import type { Client } from '@temporalio/client';
import { Brake, OPEN_GATE, type StartGate } from './brake';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';
import type { RecordOutcome } from '../../domain/workflow/record-activities';

/** The brake of one stream in one process, with what it is told by and what it tells. */
export interface StreamBrake {
  gate: StartGate;
  /** Absent where the stream has none. */
  brake?: Brake;
  /** A workflow that this process has started has ended here; `letterType`: of its dead letter. */
  closed(workflowType: string, outcome: RecordOutcome, letterType?: string): void;
  notices(): Record<string, string>;
  stop(): void;
}

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
    // Both ends of a record count for the brake in the process that has started its workflow. What others started
    // may be dead ones only: activities run anywhere, and of a process that is gone those in retry are left.
    closed(workflowType, outcome, letterType) {
      // Its records are counted as they are delivered.
      if (workflowType === 'deliverChunk') return;
      if (letterType !== undefined && workflowType === 'invalidRecord') brake.invalid(letterType);
      else if (letterType !== undefined) brake.deadLettered(letterType);
      else if (outcome === 'delivered' || outcome === 'duplicate') brake.delivered(1);
    },
    notices: () => {
      const notice = brake.notice();
      return notice ? { [`brake ${name}`]: notice } : {};
    },
    stop: () => brake.stop(),
  };
}
