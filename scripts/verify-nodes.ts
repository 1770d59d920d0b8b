import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { userCacheDirectory } from '../src/dev-servers';
import { cachedFolder } from '../src/dev-servers/cache/cached';
import { installedTools } from '../src/dev-servers/cache/tools';

/** The newest tested release of each line. `npm test` uses the Node that is installed. */
const VERSIONS = ['22.23.3', '24.21.0'];

/** The integration tests of consuming: lanes, order, rebalances, contents of a log, and kills. */
const CONSUMER = [
  ...['record-lane', 'chunk-lane', 'compression', 'poison', 'limits'].map(
    (name) => `lanes/${name}`,
  ),
  ...['rebalances', 'processes', 'stalled'].map((name) => `faults/${name}`),
  ...['order/ordering', 'telemetry/signals'],
];

const progress = (message: string) => process.stderr.write(`${message}\n`);

/** Installs a Node of this version into the user's cache with npm. Resolves with the path of its program. */
async function provisionNode(version: string): Promise<string> {
  const folder = await cachedFolder({
    ...{ cacheDirectory: userCacheDirectory(process.env), name: `node-${version}`, progress },
    build: (directory) =>
      installedTools.run({
        command: 'npm',
        args: ['install', '--prefix', directory, '--no-audit', '--no-fund', `node@${version}`],
        cwd: directory,
        doing: `installing Node ${version} with npm`,
        ...{ deadlineMs: 10 * 60_000, progress },
      }),
  });
  return join(folder, 'node_modules', 'node', 'bin', 'node');
}

/** Runs Jest on this Node. Processes that the tests start by the name `node` run on it as well. */
async function jest(node: string, ...args: string[]): Promise<void> {
  const main = join(__dirname, '..', 'node_modules', 'jest', 'bin', 'jest.js');
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const child = spawn(node, [main, ...args], {
    ...{ stdio: 'inherit', env: { ...process.env, PATH: path } },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the tests failed: ${node} ${['jest', ...args].join(' ')}`);
}

async function main(): Promise<void> {
  const given = process.argv.slice(2);
  const versions = VERSIONS.filter((version) => {
    return given.length === 0 || given.some((line) => version.startsWith(`${line}.`));
  });
  if (versions.length === 0) throw new Error(`no such version; there are ${VERSIONS.join(', ')}`);
  for (const version of versions) {
    const node = await provisionNode(version);
    progress(`Node ${version}`);
    await jest(node, '--selectProjects', 'unit', '--maxWorkers=2');
    const patterns = CONSUMER.map((name) => `integration/.*/${name}\\.test`);
    await jest(
      node,
      '--selectProjects',
      'integration',
      '--maxWorkers=2',
      '--testPathPatterns',
      ...patterns,
    );
  }
}

main().catch((error: unknown) => {
  progress(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
