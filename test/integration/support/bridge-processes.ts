import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSettings } from '../../../src/settings/config';
import type { AnyStream } from '../../../src/domain/stream/stream';
import { stateTopic } from '../../../src/domain/stream/state-topic';
import referenceStreams from '../../../src/reference/streams/index';
import { uniqueName, World } from './world';

const MAIN = join(__dirname, '..', '..', '..', 'dist', 'workers', 'bridge.js');

export interface BridgeProcess {
  pid: number;
  /** The address of `/metrics` and the probes. */
  url: string;
  /** Sends the signal and resolves with the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Bridge workers in processes of their own, by default of the reference streams. Namespace and topic are new. */
export class BridgeProcesses {
  readonly #running = new Set<BridgeProcess>();

  private constructor(
    readonly world: World,
    readonly env: NodeJS.ProcessEnv,
    readonly directory: string,
    readonly names: string[],
    private readonly load: (env: NodeJS.ProcessEnv) => AnyStream[],
  ) {}

  static async create(
    partitions: number,
    settings: NodeJS.ProcessEnv = {},
    names = ['aws'],
    load = (env: NodeJS.ProcessEnv) => referenceStreams(loadSettings(env), names),
  ): Promise<BridgeProcesses> {
    const directory = await mkdtemp(join(tmpdir(), 'cloudsync-processes-'));
    const namespace = uniqueName('test');
    const env = {
      ...process.env,
      TEMPORAL_NAMESPACE: namespace,
      CLOUDSYNC_TOPIC: uniqueName('topic'),
      CLOUDSYNC_SINK_DIR: directory,
      CLOUDSYNC_METRICS_PORT: '0',
      CLOUDSYNC_LOG_LEVEL: 'info',
      ...settings,
    };
    const world = new World(env);
    const { client } = await world.temporal();
    await client.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const processes = new BridgeProcesses(world, env, directory, names, load);
    for (const stream of processes.streams) {
      // The names of these topics belong to the stream, so letters of earlier tests may lie there.
      await world.deleteTopic(stream.deadLetterTopic);
      await world.deleteTopic(stateTopic(stream));
      await world.createTopics(stream, partitions);
    }
    return processes;
  }

  get stream() {
    return this.streams[0]!;
  }

  get streams() {
    return this.load(this.env);
  }

  /** Starts a bridge worker and waits until it consumes. */
  async start(): Promise<BridgeProcess> {
    const child = spawn(process.execPath, [MAIN, ...this.names], {
      env: this.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    const started = new Promise<string>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const line = output.split('\n').find((one) => one.includes('"msg":"Started"'));
        if (line) resolve((JSON.parse(line) as { metrics: string }).metrics);
      });
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
    });
    const exited = once(child, 'exit') as Promise<[number | null]>;
    exited.catch(() => undefined);
    const one: BridgeProcess = {
      pid: child.pid!,
      url: '',
      end: async (signal) => {
        this.#running.delete(one);
        child.kill(signal);
        return (await exited)[0];
      },
    };
    this.#running.add(one);
    one.url = new URL('/', await started).href;
    return one;
  }

  /** The contents of the files of the first stream's sink, by name. */
  async files(): Promise<Map<string, string>> {
    const folder = join(this.directory, this.names[0]!);
    const names = await readdir(folder).catch(() => []);
    const finished = names.filter((name) => !name.startsWith('.'));
    return new Map(
      await Promise.all(
        finished.map(async (name): Promise<[string, string]> => [
          name,
          await readFile(join(folder, name), 'utf8'),
        ]),
      ),
    );
  }

  /** The number of open workflows. */
  async openWorkflows(): Promise<number> {
    const { client } = await this.world.temporal();
    return (await client.workflow.count('ExecutionStatus = "Running"')).count;
  }

  async close(): Promise<void> {
    for (const one of this.#running) await one.end('SIGKILL');
    await this.world.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
