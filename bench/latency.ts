import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../src/settings/config';
import { createBridgeWorker } from '../src/processes/create-bridge-worker';
import { messageSchema } from '../src/domain/record/message';
import type { Sink } from '../src/domain/stream/sink';
import { defineStream, type ExecutionOptions } from '../src/domain/stream/stream';
import { fileSystemSink } from '../src/sinks/filesystem/filesystem';
import { logger, measure, messageOf, prepare, quantile, rssMb, send, type Row } from './support';

/** A sink that notes the time of each delivery. */
function timed(sink: Sink): { sink: Sink; delivered: Map<string, number> } {
  const delivered = new Map<string, number>();
  return {
    delivered,
    sink: {
      async write(record, context) {
        const result = await sink.write(record, context);
        delivered.set(record.messageId, Date.now());
        return result;
      },
    },
  };
}

const SECONDS = 20;
const WARM_UP = 100;

/** Measures from append to delivery, one file for each record, at a rate well below the server's limit. */
export async function latencyRow(
  settings: Settings,
  run: string,
  directory: string,
  {
    perSecond,
    bytes,
    execution = { lane: 'record' },
  }: { perSecond: number; bytes: number; execution?: ExecutionOptions },
): Promise<Row> {
  const count = perSecond * SECONDS;
  const { sink, delivered } = timed(fileSystemSink({ directory: join(directory, run) }));
  const stream = defineStream({ name: run, topic: run, schema: messageSchema, sink, execution });
  const producer = await prepare(settings, stream);
  const { kafka, temporal } = settings;
  const service = await createBridgeWorker({ kafka, temporal, streams: [stream], logger });
  await send(producer, stream.topic, 'w', WARM_UP, bytes);
  while (delivered.size < WARM_UP) await sleep(20);
  const sentAt = new Map<string, number>();
  const figures = await measure(count, async () => {
    const begin = Date.now();
    for (let i = 0; i < count; i++) {
      const wait = begin + (i * 1000) / perSecond - Date.now();
      if (wait > 0) await sleep(wait);
      const id = `m${i}`;
      sentAt.set(id, Date.now());
      void producer.send({
        topic: stream.topic,
        acks: -1,
        messages: [{ key: id, value: messageOf(id, bytes) }],
      });
    }
    while (delivered.size < WARM_UP + count) await sleep(5);
  });
  const latencies = [...sentAt].map(([id, at]) => delivered.get(id)! - at).sort((a, b) => a - b);
  await service.stop();
  await producer.disconnect();
  return {
    name: `${execution.lane} lane at ${perSecond}/s`,
    ...figures,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    rssMb: rssMb(),
  };
}
