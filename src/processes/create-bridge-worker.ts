import { connect } from './connections';
import { allOrNone, createProbe, runWorkers } from './create-worker';
import { StreamBridge, type BridgeWorkerOptions } from './stream-bridge';
import { checkDistinct } from '../domain/stream/stream';
import { Releasers, type Service } from '../lib/lifecycle';
import { createMetrics, startAtZero } from '../telemetry/metrics';

/**
 * Starts a bridge worker, which has a Kafka consumer and Temporal workers for each stream. Consumer and workers of a
 * process share one connection to Temporal, so that a workflow can start in the process that consumed its record.
 * Resolves when each stream consumes, or waits for its sink. Rejects if a server can't be reached; everything is then
 * closed, including the sinks.
 */
export async function createBridgeWorker(options: BridgeWorkerOptions): Promise<Service> {
  const { streams, logger } = options;
  checkDistinct(streams);
  const metrics = options.metrics ?? createMetrics();
  for (const { name } of streams) startAtZero(metrics, name);
  const releasers = new Releasers();
  try {
    for (const { sink } of streams) releasers.push(() => sink.close?.());
    const connections = await connect(options, logger);
    releasers.push(() => connections.close());
    let fail: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => (fail = reject));
    // A failure may come before a caller awaits `failed`. Node would end the process for an unhandled rejection.
    failed.catch(() => undefined);
    const bridges = streams.map((stream) => {
      const onFatal = (error: unknown) => fail(error);
      const bridge = new StreamBridge(stream, { ...options, metrics }, connections, onFatal);
      // This step comes after the workers have stopped, because until then records may leave their chunks.
      releasers.push(() => bridge.end());
      return bridge;
    });
    const workers = await allOrNone(bridges.flatMap((bridge) => bridge.createWorkers()));
    const running = runWorkers(workers, createProbe(connections, releasers));
    releasers.push(() => running.stop());
    running.ended.catch(fail);
    // The consumers start after the workers and leave before them. So the workers deliver all that was fetched.
    for (const bridge of bridges) {
      releasers.push(() => bridge.leave());
      await Promise.race([bridge.start(), failed]);
    }
    let stopped: Promise<void> | undefined;
    const stop = () =>
      (stopped ??= Promise.allSettled(bridges.map((bridge) => bridge.drain())).then(() =>
        releasers.release(),
      ));
    return {
      stop,
      ended: Promise.race([failed, running.ended.then(() => stopped)]),
      faults: () =>
        Object.assign(running.faults(), ...bridges.map((bridge) => bridge.faults())) as Record<
          string,
          string
        >,
      notices: () =>
        Object.assign({}, ...bridges.map((bridge) => bridge.notices())) as Record<string, string>,
    };
  } catch (error) {
    await releasers.abandon(logger);
    throw error;
  }
}
