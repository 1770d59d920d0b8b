/**
 * Defines streams, their sinks (files, HTTP, functions), and the processes that deliver them. The sinks for S3 and Azure Blob
 * Storage have entries of their own, `cloudsync/s3` and `cloudsync/azure-blob`; the operator page has `cloudsync/page`.
 * @module cloudsync
 */
import './domain/check-installation';

export { createBridgeWorker } from './processes/create-bridge-worker';
export type { BridgeWorkerOptions } from './processes/stream-bridge';
export { createWorker, type WorkerOptions } from './processes/create-worker';
export type { ConnectionSettings } from './processes/connections';
export { runUntilSignal, type Service } from './lib/lifecycle';
export { startHealthServer, type HealthServer } from './http/health-server';
export { createLogger, type Logger, type LogLevel } from './telemetry/logger';
export { createMetrics, type Metrics } from './telemetry/metrics';
export { startTracing, type RunningTracing } from './telemetry/start-tracing';
export { Tracing } from './telemetry/tracing';
export { loadSettings, type Settings } from './settings/config';
export type { AzureSettings, S3Settings } from './settings/cloud-settings';
export type { CodecSettings } from './settings/codec-server';
export type { PageSettings } from './settings/page';
export type { ApiSettings } from './settings/http-producer';
export type { AwsClientSettings } from './settings/local-environment';
export type { KafkaSettings, KafkaTls } from './kafka/kafka';
export type { TemporalSettings } from './temporal/temporal';
export type { TokenHash } from './http/tokens';
export { encryptionCodec } from './temporal/encryption/encryption-codec';
export type { EncryptionKey } from './temporal/encryption/encryption-keys';
export {
  defineStream,
  type AnyStream,
  type BaseStreamOptions,
  type ChunkLimits,
  type ExecutionOptions,
  type MessageWithId,
  type OnNull,
  type OnUnreadable,
  type Ordering,
  type RecordWorkflow,
  type Stream,
  type StreamExecution,
  type StreamOptions,
} from './domain/stream/stream';
export type { BrakeLimits } from './domain/stream/brake';
export type { AfterDeadLetter } from './domain/stream/hold';
export { messageSchema, type Message } from './domain/record/message';
export type {
  ChunkRange,
  KafkaRecord,
  RecordContent,
  RecordEnvelope,
  RecordInput,
  RecordPosition,
} from './domain/record/record';
export type { EncodedBytes } from './domain/record/encoded-bytes';
export { traceContextOf, type TraceContext } from './domain/record/trace-context';
export type {
  ChunkWriteResult,
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
  type IdempotencyEvent,
  type IdempotencyHooks,
} from './dedupe/in-memory-idempotency-service';
export { fileSystemSink, type FileSystemSinkOptions } from './sinks/filesystem/filesystem';
export {
  cloudEvents,
  type CloudEvent,
  type CloudEventsOptions,
  type CloudEventsPreset,
} from './decoders/cloud-events';
export { outbox, type OutboxEvent, type OutboxOptions, type OutboxPreset } from './decoders/outbox';
export { httpSink, type HttpSinkOptions, type HttpStatusMeaning } from './sinks/http/http';
export { withFaults, type FaultRates, type Faults } from './sinks/faults';
