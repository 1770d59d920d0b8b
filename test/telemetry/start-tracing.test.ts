import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Logger } from '../../src/telemetry/logger';
import { startTracing } from '../../src/telemetry/start-tracing';
import { OtlpReceiver } from '../support/otlp-receiver';

const lines: string[] = [];
const say = (...words: unknown[]) => lines.push(String(words.at(-1)));
const logger = { warn: say, error: say } as unknown as Logger;

const given = { ...process.env };
beforeEach(() => lines.splice(0));
afterEach(() => {
  process.env = { ...given };
});

test('startTracing exports spans as the variables of OpenTelemetry say', async () => {
  const collector = await OtlpReceiver.start();
  try {
    Object.assign(process.env, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=k',
      OTEL_SERVICE_NAME: 'sync',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    });
    const { tracing, stop } = await startTracing(logger);
    await tracing.send('t', undefined).around(() => Promise.resolve());
    await Promise.all([stop(), stop()]);
    expect(collector.spans).toMatchObject([{ name: 'send t', kind: 4 }]);
    expect(collector.resource).toMatchObject({
      'service.name': 'sync',
      'deployment.environment.name': 'test',
    });
    expect(Object.keys(collector.resource)).not.toContain('process.command_args');
    expect(collector.requests[0]).toMatchObject({ path: '/v1/traces' });
    expect(collector.requests[0]!.headers['x-api-key']).toBe('k');
    expect(lines).toEqual([]);
  } finally {
    await collector.close();
  }
});

test('startTracing does not export spans that the sampler drops, and passes the trace on unsampled', async () => {
  const collector = await OtlpReceiver.start();
  try {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
    process.env.OTEL_TRACES_SAMPLER = 'always_off';
    const { tracing, stop } = await startTracing(logger);
    const span = tracing.send('t', undefined);
    expect(span.trace!.traceparent).toMatch(/-00$/);
    await span.around(() => Promise.resolve());
    await stop();
    expect(collector.spans).toEqual([]);
  } finally {
    await collector.close();
  }
});

test('a service exports its last spans when it is stopped or ends by itself', async () => {
  for (const itself of [false, true]) {
    const collector = await OtlpReceiver.start();
    try {
      process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
      const spans = await startTracing(logger);
      let end = () => undefined as void;
      const service = spans.until({
        ended: new Promise((resolve, reject) => {
          end = itself ? () => reject(new Error('by itself')) : resolve;
        }),
        stop: async () => {
          await spans.tracing.send('t', undefined).around(() => Promise.resolve());
          if (!itself) end();
        },
        faults: () => ({ a: 'b' }),
      });
      expect(service.faults()).toEqual({ a: 'b' });
      if (itself) {
        end();
        await expect(service.ended).rejects.toThrow('by itself');
      }
      await service.stop();
      if (!itself) await service.ended;
      expect(collector.spans).toHaveLength(1);
    } finally {
      await collector.close();
    }
  }
});

test('a silent collector delays the end of a service by no more than its deadline', async () => {
  // Without this limit the exporter would continue after the test.
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '4000';
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(silent.address() as { port: number }).port}`;
    const { tracing, stop } = await startTracing(logger);
    await tracing.send('t', undefined).around(() => Promise.resolve());
    await stop();
    expect(lines).toEqual(['The last spans could not be exported in time']);
  } finally {
    silent.close();
    silent.closeAllConnections();
  }
});

test('a collector that refuses spans is reported in the log, and does not end the service', async () => {
  const refusing = createServer((_, response) => response.writeHead(400).end());
  refusing.listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  try {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(refusing.address() as { port: number }).port}`;
    const { tracing, stop } = await startTracing(logger);
    await tracing.send('t', undefined).around(() => Promise.resolve());
    await stop();
    expect(lines).toEqual(['The last spans could not be exported']);
  } finally {
    refusing.close();
    refusing.closeAllConnections();
  }
});
