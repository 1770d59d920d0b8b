import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import {
  bundleWorkflowCode,
  type BundleOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { FAILURE_CONVERTER } from './encryption/data-converter';
import type { RecordWorkflow } from '../domain/stream/stream';

const extension = extname(__filename);
const WORKFLOWS = join(__dirname, '..', 'workflows', `index${extension}`);
const INTERCEPTORS = join(__dirname, '..', 'workflows', `interceptors${extension}`);
/** The bundle that `npm run build` makes. It saves a second at each start. */
export const prebuilt = ({ encoded }: BundleKind) =>
  join(__dirname, '..', `workflows${encoded ? '.encoded' : ''}.bundle.js`);

/** The copy of `@temporalio/workflow` that this package finds, and the folder that holds its `@temporalio`. */
const TEMPORAL_WORKFLOW = dirname(require.resolve('@temporalio/workflow/package.json'));
const PACKAGES = join(TEMPORAL_WORKFLOW, '..', '..');

export interface BundleKind {
  /** Whether messages and stack traces of failures go through the payload codec. */
  encoded: boolean;
}

type BundlerLogger = NonNullable<BundleOptions['logger']>;

const bundles = new Map<string, Promise<WorkflowBundleOption>>();

/** The code from which a stream's worker runs its workflows; made once for each workflows file and kind. */
export function workflowBundle(
  workflow?: RecordWorkflow,
  kind: BundleKind = { encoded: false },
): Promise<WorkflowBundleOption> {
  const key = `${kind.encoded} ${workflow?.workflowsPath ?? ''}`;
  const bundle = bundles.get(key) ?? makeBundle(workflow, kind);
  bundles.set(key, bundle);
  return bundle;
}

function makeBundle(
  workflow: RecordWorkflow | undefined,
  kind: BundleKind,
): Promise<WorkflowBundleOption> {
  if (workflow) return bundleWithUserWorkflows(workflow.workflowsPath, kind);
  const codePath = prebuilt(kind);
  return existsSync(codePath) ? Promise.resolve({ codePath }) : bundleFrameworkWorkflows(kind);
}

export function bundleFrameworkWorkflows(
  kind: BundleKind = { encoded: false },
): Promise<{ code: string }> {
  return bundle(WORKFLOWS, kind);
}

/** Bundles a user's own workflows together with the framework's, which invalid records need. */
async function bundleWithUserWorkflows(
  workflowsPath: string,
  kind: BundleKind,
): Promise<{ code: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudsync-workflows-'));
  try {
    const entry = join(directory, 'index.js');
    const paths = [WORKFLOWS, workflowsPath];
    await writeFile(
      entry,
      paths.map((path) => `export * from ${JSON.stringify(path)};\n`).join(''),
    );
    return await bundle(entry, kind);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function bundle(workflowsPath: string, { encoded }: BundleKind): Promise<{ code: string }> {
  const problems: string[] = [];
  try {
    return await bundleWorkflowCode({
      workflowsPath,
      workflowInterceptorModules: [INTERCEPTORS],
      ...(encoded && { failureConverterPath: FAILURE_CONVERTER }),
      logger: quietLogger((problem) => problems.push(problem)),
      // The entry of a user's own workflows lies in a temporary folder, from which no package is found. The alias names one copy
      // of the SDK for two reasons. Yarn's Plug'n'Play searches no folders. A second copy in the bundle would know nothing of
      // the workflow that runs.
      webpackConfigHook: (config) => {
        const modules = [...(config.resolve?.modules ?? ['node_modules']), PACKAGES];
        const alias = { ...config.resolve?.alias, '@temporalio/workflow': TEMPORAL_WORKFLOW };
        return { ...config, resolve: { ...config.resolve, modules, alias } };
      },
    });
  } catch (error) {
    throw new Error(`the workflows can't be bundled: ${[...problems, error].join('\n')}`, {
      cause: error,
    });
  }
}

/** Passes on webpack's errors. Its report of each bundle is of no use to the person who starts a worker. */
function quietLogger(onError: (message: string) => void): BundlerLogger {
  const nothing = () => undefined;
  return {
    log: nothing,
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: onError,
  };
}
