import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { javaVersion, provisionKafka } from '../../../src/dev-servers/kafka/provision-kafka';
import type { ToolRun } from '../../../src/dev-servers/cache/tools';
import { fakeTools } from '../support/fake-tools';
import { temporaryDirectory } from '../support/temporary-directory';

const JAVA_17 = 'openjdk version "17.0.15" 2025-04-15';
const quiet = () => undefined;

function copyJars({ cwd = '' }: ToolRun): void {
  expect(readFileSync(join(cwd, 'pom.xml'), 'utf8')).toContain('kafka_2.13');
  mkdirSync(join(cwd, 'lib'));
  writeFileSync(join(cwd, 'lib', 'kafka.jar'), '');
}

test('provisionKafka copies the jars with Maven into the cache, once', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ java: JAVA_17, mvn: 'Apache Maven 3.8.7' }, copyJars);
  const expected = { kind: 'jars', lib: join(cache, 'kafka-4.1.1', 'lib') };
  expect(await provisionKafka(cache, quiet, tools)).toEqual(expected);
  expect(existsSync(join(expected.lib, 'kafka.jar'))).toBe(true);
  // The second time, Java alone is enough.
  expect(await provisionKafka(cache, quiet, fakeTools({ java: JAVA_17 }))).toEqual(expected);
  expect(tools.runs).toHaveLength(1);
});

test('a failed download leaves nothing behind, and its error names every alternative', async () => {
  const cache = temporaryDirectory();
  const tools = fakeTools({ java: JAVA_17, mvn: 'Apache Maven 3.8.7' }, () => {
    throw new Error('mvn ended with exit code 1');
  });
  await expect(provisionKafka(cache, quiet, tools)).rejects.toThrow(
    /exit code 1[^]*Java 17[^]*Docker[^]*KAFKA_BROKERS/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('provisionKafka uses Docker if Java is missing or too old, and pulls its image once', async () => {
  const cache = temporaryDirectory();
  const old = fakeTools({
    java: 'openjdk version "11.0.2"',
    mvn: 'Maven',
    'docker version --format {{.Server.Version}}': '28',
  });
  expect(await provisionKafka(cache, quiet, old)).toEqual({ kind: 'image' });
  expect(old.runs).toEqual(['docker pull apache/kafka:4.1.1']);

  const pulled = fakeTools({ docker: 'anything' });
  expect(await provisionKafka(cache, quiet, pulled)).toEqual({ kind: 'image' });
  expect(pulled.runs).toEqual([]);
});

test('provisionKafka without any tool fails with one error that says what was found and names every alternative', async () => {
  const tools = fakeTools({ java: 'openjdk version "11.0.2" 2019-01-15' });
  await expect(provisionKafka(temporaryDirectory(), quiet, tools)).rejects.toMatchObject({
    name: 'LocalServerError',
    message: `no way to run Kafka here: Java 11 is too old, Maven not found, no Docker engine answers. Any one of these will do:
  - put Java 17 or newer and Maven on PATH (java, mvn)
  - start Docker: the image apache/kafka:4.1.1 is used
  - set KAFKA_BROKERS to the addresses of a Kafka that runs`,
  });
});

test.each([
  [JAVA_17, 17],
  ['openjdk version "25" 2025-09-16', 25],
  ['openjdk version "24-ea" 2025-03-18', 24],
  ['java version "1.8.0_402"', 1],
  ['Unable to locate a Java Runtime', undefined],
  [undefined, undefined],
])('javaVersion reads %j as %j', (output, version) => {
  expect(javaVersion(output)).toBe(version);
});
