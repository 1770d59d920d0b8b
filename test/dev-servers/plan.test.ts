import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../../src/dev-servers';
import { upPlan } from '../../src/dev-servers/plan';
import { fakeTools } from './support/fake-tools';
import { temporaryDirectory } from './support/temporary-directory';

const JAVA = { java: 'openjdk version "17.0.15"' };
const MAVEN = { ...JAVA, mvn: 'Apache Maven 3.8.7' };
const DOCKER = { 'docker version --format {{.Server.Version}}': '28' };
const TEMPORAL = { temporal: 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)' };
const GO = { go: 'go version go1.26.8' };

async function plan(
  answers: Record<string, string>,
  options: { cached?: string[]; download?: boolean; given?: object } = {},
) {
  const { cached = [], download = false, given = {} } = options;
  const cacheDirectory = temporaryDirectory();
  for (const name of cached) mkdirSync(join(cacheDirectory, name));
  const ports = {
    ...{ kafka: await freePort(), temporal: await freePort(), temporalUi: await freePort() },
  };
  const directory = temporaryDirectory();
  const tools = fakeTools(answers);
  const servers = await upPlan({ directory, cacheDirectory, given, ports, download }, tools);
  // A plan does nothing.
  expect(tools.runs).toEqual([]);
  return servers.map(({ server, how, seconds }) => `${server} ${how}: ${seconds} s`);
}

test.each([
  ['from the cache', { ...JAVA, ...TEMPORAL }, ['kafka-4.1.1'], '4.1.1 is started, from the cache'],
  ['by Maven', { ...MAVEN, ...TEMPORAL }, [], 'downloaded with Maven (55 MB, the first time only)'],
  ['by Docker', { ...DOCKER, ...TEMPORAL }, [], 'pulls the image apache/kafka:4.1.1 (the first'],
  ['from the image', { docker: '28', ...TEMPORAL }, [], 'by Docker, from its image apache/kafka'],
])('upPlan says that Kafka comes %s if it does', async (_, answers, cached, told) => {
  const [kafka] = await plan(answers, { cached });
  expect(kafka).toContain(told);
});

test.each([
  ['from PATH', TEMPORAL, [], true, 'by the program temporal on PATH'],
  ['from the cache', {}, ['temporal-1.5.1'], true, 'is started, from the cache'],
  ['by its download', GO, [], true, 'is downloaded from temporal.download (the first time only)'],
  ['by Go', GO, [], false, 'is built with Go (the first time only)'],
])('upPlan says that Temporal comes %s if it does', async (_, answers, cached, download, told) => {
  const [, temporal] = await plan({ ...MAVEN, ...answers }, { cached, download });
  expect(temporal).toContain(told);
});

test('upPlan needs nothing if the environment names both servers', async () => {
  const given = { brokers: ['a:9092', 'b:9092'], temporalAddress: 't:7233' };
  expect(await plan({}, { given })).toEqual([
    'Kafka is the one at a:9092,b:9092, as the environment says: 0 s',
    'Temporal is the one at t:7233, as the environment says: 0 s',
  ]);
});

test('upPlan names both servers in one error if there is no way to either', async () => {
  await expect(plan({})).rejects.toThrow(
    /no way to run Kafka here: Java not found[^]*no way to run Temporal here: temporal is not on PATH/,
  );
});

test('upPlan starts a server if something else holds its port', async () => {
  const other = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  try {
    const ports = { kafka: port, temporal: await freePort(), temporalUi: await freePort() };
    const [kafka] = await upPlan(
      {
        ...{ directory: temporaryDirectory(), cacheDirectory: temporaryDirectory(), ports },
        given: {},
      },
      fakeTools({ ...MAVEN, ...TEMPORAL }),
    );
    expect(kafka!.how).toContain('downloaded with Maven');
  } finally {
    other.close();
  }
});
