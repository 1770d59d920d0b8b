import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { provisionKafka } from '../../../src/dev-servers/kafka/provision-kafka';
import { KAFKA_IMAGE } from '../../../src/dev-servers/kafka/kafka-versions';
import { userCacheDirectory } from '../../../src/dev-servers';

/** One of Kafka's own tools: the class in the jars, and the script in the image. */
const CONSOLE_PRODUCER = ['org.apache.kafka.tools.ConsoleProducer', 'kafka-console-producer.sh'];
const CONSOLE_CONSUMER = [
  'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-console-consumer.sh',
];

/** Sends lines as values with Kafka's own console producer, in batches compressed with the codec. */
export async function sendWithJava(
  topic: string,
  codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
  lines: string[],
): Promise<void> {
  await run(CONSOLE_PRODUCER, [...producing(topic), '--compression-codec', codec], lines);
}

/** Sends one record with headers in the form `name:value,name:value`. */
export async function sendHeadersWithJava(topic: string, headers: string, value: string) {
  const options = ['--property', 'parse.headers=true'];
  await run(CONSOLE_PRODUCER, [...producing(topic), ...options], [`${headers}\t${value}`]);
}

/** Reads the headers of the first `count` records of partition 0, in the form `name:value,name:value`. */
export async function headersByJava(topic: string, count: number): Promise<string[]> {
  const lines = await run(CONSOLE_CONSUMER, [
    ...servers(topic),
    ...['--partition', '0', '--offset', 'earliest', '--max-messages', String(count)],
    ...['--property', 'print.headers=true', '--property', 'print.value=false'],
  ]);
  return lines.trimEnd().split('\n');
}

const servers = (topic: string) => [
  ...['--bootstrap-server', process.env.KAFKA_BROKERS!],
  ...['--topic', topic],
];
const producing = (topic: string) => [...servers(topic), '--producer-property', 'linger.ms=500'];

/** Runs a tool and returns its output. Throws if the tool fails. */
async function run([className, script]: string[], options: string[], lines: string[] = []) {
  const installation = await provisionKafka(userCacheDirectory(process.env), () => undefined);
  const [command, ...start] =
    installation.kind === 'jars'
      ? ['java', '-cp', join(installation.lib, '*'), className!]
      : [
          ...['docker', 'run', '--rm', '-i', '--network', 'host', KAFKA_IMAGE],
          `/opt/kafka/bin/${script}`,
        ];
  const tool = spawn(command, [...start, ...options]);
  tool.stdin.end(lines.map((line) => `${line}\n`).join(''));
  const [stdout, stderr, exit] = await Promise.all([
    text(tool.stdout),
    text(tool.stderr),
    once(tool, 'exit'),
  ]);
  const [code] = exit as [number | null];
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
  return stdout;
}
