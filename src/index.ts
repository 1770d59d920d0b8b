/** The public API of CloudSync. */
export { createBridgeWorker } from './processes/create-bridge-worker';
export type { BridgeWorkerOptions } from './processes/stream-bridge';
export { createWorker, type WorkerOptions } from './processes/create-worker';
export { runUntilSignal, type Service } from './lib/lifecycle';
export { startHealthServer, type HealthServer } from './http/health-server';
export { createLogger, type Logger } from './telemetry/logger';
export { createMetrics, type Metrics } from './telemetry/metrics';
export { startTracing, type RunningTracing } from './telemetry/start-tracing';
export { Tracing } from './telemetry/tracing';
export { loadSettings, type Settings } from './settings/config';
export { encryptionCodec } from './temporal/encryption/encryption-codec';
export type { EncryptionKey } from './temporal/encryption/encryption-keys';
export {
  defineStream,
  type ChunkLimits,
  type ExecutionOptions,
  type OnNull,
  type OnUnreadable,
  type Ordering,
  type RecordWorkflow,
  type Stream,
  type StreamOptions,
} from './domain/stream/stream';
export type { BrakeLimits } from './domain/stream/brake';
export type { ChunkRange } from './domain/record/record';
export { messageSchema, type Message } from './domain/record/message';
export type { KafkaRecord, RecordInput, RecordPosition } from './domain/record/record';
export { traceContextOf, type TraceContext } from './domain/record/trace-context';
export type {
  DeliverFunction,
  Sink,
  SinkObject,
  SinkRecord,
  WriteContext,
  WriteResult,
} from './domain/stream/sink';
export {
  classifyError,
  DeliveryError,
  UsageError,
  type DeliveryFailure,
  type DeliveryFailureType,
  type ErrorClassifier,
} from './domain/errors';
export { DEFAULT_RETRY_POLICY, type RetryPolicy } from './domain/stream/retry-policy';
export type { IdempotencySettings } from './domain/stream/idempotency-settings';
export type { IdempotencyService, IdempotencyStats } from './dedupe/idempotency-service';
export {
  InMemoryIdempotencyService,
  type IdempotencyHooks,
} from './dedupe/in-memory-idempotency-service';
export { fileSystemSink, type FileSystemSinkOptions } from './sinks/filesystem/filesystem';
export { httpSink, type HttpSinkOptions, type HttpStatusMeaning } from './sinks/http/http';
export { withFaults, type FaultRates } from './sinks/faults';
