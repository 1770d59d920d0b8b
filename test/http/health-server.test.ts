import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { UsageError } from '../../src/domain/errors';
import { startHealthServer, type HealthServer } from '../../src/http/health-server';
import { createMetrics } from '../../src/telemetry/metrics';

let faults: Record<string, string>;
let notices: Record<string, string>;
let server: HealthServer;
let metrics: ReturnType<typeof createMetrics>;

beforeEach(async () => {
  faults = {};
  notices = {};
  metrics = createMetrics();
  server = await startHealthServer({ host: '127.0.0.1', port: 0 }, metrics, {
    faults: () => faults,
    notices: () => notices,
  });
});
afterEach(() => server.close());

async function get(path: string) {
  const response = await fetch(`${server.url}${path}`);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: await response.text(),
  };
}

test('/metrics appends further metrics, and shows its own if they can not be read', async () => {
  await server.close();
  let further = () => Promise.resolve('# TYPE temporal_request counter\ntemporal_request 5\n');
  server = await startHealthServer(
    { host: '127.0.0.1', port: 0 },
    metrics,
    { faults: () => faults },
    () => further(),
  );
  const { body } = await get('/metrics');
  expect(body).toMatch(/cloudsync_records_total[^]*\ntemporal_request 5\n$/);
  further = () => Promise.reject(new Error('port\nclosed'));
  expect(await get('/metrics')).toMatchObject({
    status: 200,
    body: expect.stringMatching(
      /cloudsync_records_total[^]*# further .*: port closed\n$/,
    ) as string,
  });
});

test("the server's url names the port that the system chose", () => {
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
});

test('/livez is 200 even with faults', async () => {
  faults = { kafka: 'down' };
  expect(await get('/livez')).toMatchObject({ status: 200, body: '{"live":true}' });
});

test('/readyz shows notices and stays 200', async () => {
  notices = { 'stalled aws topic/0': 'at offset 5 for 70 s: max_open' };
  const { status, body } = await get('/readyz');
  expect([status, JSON.parse(body)]).toEqual([200, { ready: true, faults: {}, notices }]);
});

test('/readyz is 200 when nothing is wrong, 503 with the faults otherwise', async () => {
  expect(await get('/readyz')).toMatchObject({
    status: 200,
    body: '{"ready":true,"faults":{},"notices":{}}',
  });
  faults = { 'consumer aws': 'has not joined its consumer group' };
  const { status, type, body } = await get('/readyz?verbose');
  expect([status, type]).toEqual([503, 'application/json']);
  expect(JSON.parse(body)).toEqual({ ready: false, faults, notices });
});

test('/metrics has the format of Prometheus', async () => {
  metrics.records.inc({ stream: 'aws', outcome: 'delivered' }, 3);
  const { status, type, body } = await get('/metrics');
  expect([status, type]).toEqual([200, metrics.registry.contentType]);
  expect(body).toContain('cloudsync_records_total{stream="aws",outcome="delivered"} 3');
});

test('/metrics says whether the process is ready, as /readyz does', async () => {
  expect((await get('/metrics')).body).toMatch(/^cloudsync_ready 1$/m);
  faults = { kafka: 'down' };
  expect((await get('/metrics')).body).toMatch(/^cloudsync_ready 0$/m);
});

test('/metrics is 500 if metrics can not be collected', async () => {
  metrics.registry.metrics = () => Promise.reject(new Error('no'));
  expect(await get('/metrics')).toMatchObject({ status: 500, body: '{"error":"Error: no"}' });
});

test.each(['/', '/healthz', '/metrics/'])('%s is 404 and names the known paths', async (path) => {
  const { status, body } = await get(path);
  expect(status).toBe(404);
  expect(body).toContain('/readyz');
});

test('a taken port is a usage error that names the setting', async () => {
  const port = Number(new URL(server.url).port);
  const start = startHealthServer({ host: '127.0.0.1', port }, metrics, { faults: () => faults });
  await expect(start).rejects.toBeInstanceOf(UsageError);
  await expect(start).rejects.toThrow(`port ${port} is taken: set CLOUDSYNC_METRICS_PORT`);
});

test('close frees the port even while a client keeps its connection open', async () => {
  const port = Number(new URL(server.url).port);
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.write('GET /livez HTTP/1.1\r\n'); // and no more: the request never ends
  const closed = once(client, 'close');
  await get('/livez');
  await server.close();
  await closed;
  const next = createServer().listen(port, '127.0.0.1');
  await once(next, 'listening');
  await new Promise((resolve) => next.close(resolve));
});
