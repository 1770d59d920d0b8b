import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { userCacheDirectory } from '../../../../src/dev-servers';
import { cachedFolder } from '../../../../src/dev-servers/cache/cached';
import { provisionKafka } from '../../../../src/dev-servers/kafka/provision-kafka';
import { LineProcess } from './line-process';
import type { WriterName } from './step';

const run = promisify(execFile);
const JAVA = join(__dirname, 'java');
const WRITERS = join(__dirname, 'writers');

/** Starts the programs that write to Kafka with other clients, and the oracle, which decodes with Kafka's own classes. */
export interface Clients {
  writer(name: WriterName, brokers: string): LineProcess;
  oracle(): LineProcess;
}

/** Compiles the programs into `directory`. Needs Java 17, Maven, Python 3.11 with pip, and Go. */
export async function buildClients(
  directory: string,
  progress: (text: string) => void,
): Promise<Clients> {
  mkdirSync(directory, { recursive: true });
  const cacheDirectory = userCacheDirectory(process.env);
  const kafka = await provisionKafka(cacheDirectory, progress);
  if (kafka.kind !== 'jars')
    throw new Error('it needs Java 17 and Maven: an image has no compiler');
  progress('compiling the writers');
  const classes = join(directory, 'classes');
  const jars = join(kafka.lib, '*');
  const sources = readdirSync(JAVA).map((file) => join(JAVA, file));
  await run('javac', ['-d', classes, '-cp', jars, ...sources]);
  const go = join(directory, 'writers');
  await run('go', ['build', '-o', go, '.'], { cwd: join(WRITERS, 'go') });
  const requirements = join(WRITERS, 'requirements.txt');
  const version = createHash('sha256')
    .update(readFileSync(requirements))
    .digest('hex')
    .slice(0, 12);
  const python = await cachedFolder({
    cacheDirectory,
    name: `python-writers-${version}`,
    progress,
    build: async (target) => {
      const install = ['-m', 'pip', 'install', '--quiet', '--target', target, '-r', requirements];
      await run('python3', install);
    },
  });
  const java = (main: string, ...args: string[]) =>
    new LineProcess(main, 'java', ['-Xmx512m', '-cp', `${classes}:${jars}`, main, ...args]);
  return {
    oracle: () => java('Oracle'),
    writer(name, brokers) {
      if (name === 'java') return java('Writer', brokers);
      if (name === 'franz-go' || name === 'sarama')
        return new LineProcess(name, go, [name, brokers]);
      const script = join(WRITERS, `${name.replace('-', '_')}.py`);
      return new LineProcess(name, 'python3', [script, brokers], { PYTHONPATH: python });
    },
  };
}
