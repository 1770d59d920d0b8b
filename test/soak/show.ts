import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { userCacheDirectory } from '../../src/dev-servers';
import { provisionKafka } from '../../src/dev-servers/kafka/provision-kafka';
import type { Evidence } from './judge';

const LINE = /^Partition:(\d+)\tOffset:(\d+)\t(.*)$/;
const MAX_BYTES = 1 << 30;

/** Reads the committed records of a topic from its start with Kafka's console consumer. */
export async function showCommitted(brokers: string, topic: string): Promise<Evidence['shown']> {
  const kafka = await provisionKafka(userCacheDirectory(process.env), () => undefined);
  if (kafka.kind !== 'jars') throw new Error('it needs Java 17 and Maven');
  const main = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
  const { stdout } = await promisify(execFile)(
    'java',
    [
      ...['-cp', join(kafka.lib, '*'), main, '--bootstrap-server', brokers, '--topic', topic],
      ...['--from-beginning', '--isolation-level', 'read_committed', '--timeout-ms', '15000'],
      ...['--property', 'print.partition=true', '--property', 'print.offset=true'],
    ],
    { maxBuffer: MAX_BYTES },
  );
  const shown: Evidence['shown'] = new Map();
  for (const line of stdout.split('\n')) {
    const [, partition, offset, value] = LINE.exec(line) ?? [];
    if (value === undefined) continue;
    const { id } = JSON.parse(value) as { id: string };
    // A plain producer has written the record twice when it retried. The first one counts.
    if (!shown.has(id))
      shown.set(id, { partition: Number(partition), offset: Number(offset), value });
  }
  return shown;
}
