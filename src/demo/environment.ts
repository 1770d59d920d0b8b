import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { addressesAsEnvironment, localServers } from '../cli/dev/dev-up';
import { say } from '../cli/output/output';
import { loadSettings, processEnvironment } from '../settings/config';
import { down, ensureNamespace, status } from '../dev-servers';

export interface DemoEnvironment {
  namespace: string;
  /** Address of Temporal's UI; undefined if it is not known. */
  ui: string | undefined;
  /** Whether Temporal ran before the demo, and so continues after it. */
  temporalStays: boolean;
  /** Variables that the demo's processes get besides the environment. */
  local: Record<string, string>;
}

/**
 * Provides servers, and a namespace, a topic and a sink of this run alone. So nothing that an earlier run left
 * can be mistaken for a result of this run.
 */
export async function demoEnvironment(options: {
  run: string;
  directory: string;
  lane: string;
  sink: 'file' | 'cloud';
  /** Receives a function that stops the servers that did not run before. Called before any server is started. */
  onStart: (stop: () => Promise<unknown>) => void;
}): Promise<DemoEnvironment> {
  const { run, directory, lane, sink, onStart } = options;
  await mkdir(directory, { recursive: true });
  const { directory: devDirectory } = loadSettings(processEnvironment()).dev;
  const ranBefore = (await status({ directory: devDirectory }))
    .filter(({ running }) => running)
    .map(({ name }) => name);
  onStart(() => down({ directory: devDirectory, except: ranBefore, progress: say }));
  const addresses = await localServers({ cloud: sink === 'cloud' });
  const namespace = `demo-${run}`;
  await ensureNamespace(addresses.temporal.address, namespace);
  return {
    namespace,
    ui: addresses.temporal.ui,
    temporalStays: ranBefore.includes('temporal'),
    local: {
      ...addressesAsEnvironment(addresses),
      TEMPORAL_NAMESPACE: namespace,
      CLOUDSYNC_TOPIC: `cloudsync.demo-${run}`,
      CLOUDSYNC_LANE: lane,
      CLOUDSYNC_SINK: sink,
      CLOUDSYNC_SINK_DIR: join(directory, 'sink'),
      CLOUDSYNC_S3_PREFIX: `demo-${run}`,
      CLOUDSYNC_AZURE_PREFIX: `demo-${run}`,
    },
  };
}
