import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { provisionKafka } from '../../../src/dev/provision-kafka';
import { KAFKA_IMAGE } from '../../../src/dev/kafka-versions';
import { userCacheDirectory } from '../../../src/dev';

/** Sends lines as values with Kafka's own console producer, in batches of the codec. */
export async function sendWithJava(
  topic: string,
  codec: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd',
  lines: string[],
): Promise<void> {
  const brokers = process.env.KAFKA_BROKERS!;
  const installation = await provisionKafka(userCacheDirectory(process.env), () => undefined);
  const [command, ...start] =
    installation.kind === 'jars'
      ? ['java', '-cp', join(installation.lib, '*'), 'org.apache.kafka.tools.ConsoleProducer']
      : ['docker', 'run', '--rm', '-i', '--network', 'host', KAFKA_IMAGE, CONSOLE_PRODUCER];
  const options = ['--bootstrap-server', brokers, '--topic', topic, '--compression-codec', codec];
  const producer = spawn(command, [...start, ...options, '--producer-property', 'linger.ms=500']);
  producer.stdin.end(lines.map((line) => `${line}\n`).join(''));
  producer.stdout.resume();
  const [stderr, exit] = await Promise.all([text(producer.stderr), once(producer, 'exit')]);
  const [code] = exit as [number | null];
  if (code !== 0) throw new Error(`the console producer ended with ${code}: ${stderr}`);
}

const CONSOLE_PRODUCER = '/opt/kafka/bin/kafka-console-producer.sh';
