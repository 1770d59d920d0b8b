import { existsSync, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { require as load } from 'tsx/cjs/api';
import type { Settings } from '../../settings/config';
import { errorMessage, UsageError } from '../../domain/errors';
import { checkDistinct, type AnyStream } from '../../domain/stream/stream';
import referenceStreams, { REFERENCE_STREAM_NAMES } from '../../reference/streams/index';
import { triedStream } from '../../reference/try/try-stream';

/** Modules to look for in the working directory if nobody names one. The first that exists is used. */
export const DEFAULT_MODULES = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map(
  (end) => `streams.${end}`,
);

/**
 * A project has this package in its `node_modules`. A checkout and the container image are the package itself.
 */
const isInstalled = __dirname.split(sep).includes('node_modules');

/**
 * Loads the streams of `CLOUDSYNC_STREAMS` (a JavaScript or TypeScript module), or of `streams.ts` in the working
 * directory. In a checkout without either, loads the reference streams. If names are given, returns only the
 * streams with these names; a stream of `cloudsync try` needs no module. Throws a {@link UsageError} if a module can't be
 * loaded or a name is unknown.
 */
export async function loadStreams(settings: Settings, names: string[] = []): Promise<AnyStream[]> {
  const tried = names.length === 1 ? triedStream(names[0]!) : undefined;
  const path = settings.streams ?? DEFAULT_MODULES.find((file) => existsSync(file));
  if (path === undefined) {
    if (tried) return [tried];
    if (isInstalled) {
      throw new UsageError(
        `no streams: there is no ${DEFAULT_MODULES[0]} in ${process.cwd()}; name the module that exports them with --streams FILE or CLOUDSYNC_STREAMS, or let "cloudsync init" write one`,
      );
    }
    checkKnown(names, REFERENCE_STREAM_NAMES);
    return referenceStreams(settings, names.length === 0 ? undefined : names);
  }
  const streams = await streamsOfModule(path, settings).catch((error: unknown) => {
    // A module that can't be loaded for now does not keep a stream of `cloudsync try` from being found.
    if (tried) return [];
    throw error;
  });
  const known = streams.map(({ name }) => name);
  if (tried && !known.includes(names[0]!)) return [tried];
  checkKnown(names, known);
  return names.length === 0 ? streams : streams.filter(({ name }) => names.includes(name));
}

async function streamsOfModule(path: string, settings: Settings): Promise<AnyStream[]> {
  const streams = await streamsOf(await importModule(path), settings, path);
  checkDistinct(streams);
  return streams;
}

function checkKnown(names: string[], known: string[]): void {
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`no stream ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
}

async function importModule(path: string): Promise<unknown> {
  const file = resolve(path);
  if (!existsSync(file)) throw new UsageError(`the stream module ${file} does not exist`);
  if (statSync(file).isDirectory()) {
    throw new UsageError(`the stream module ${file} is a folder: name the file in it`);
  }
  try {
    // A module that is loaded as CommonJS gets this process's own copy of the library, and needs no second copy.
    return await load(file, __filename);
  } catch (error) {
    if (!needsEsm(error)) throw loadError(file, error);
  }
  // It is loaded as an ES module here, because tsx's loader for CommonJS does not find the module's own files.
  const { tsImport } = await import('tsx/esm/api');
  try {
    return await tsImport(pathToFileURL(file).href, pathToFileURL(__filename).href);
  } catch (error) {
    throw loadError(file, error);
  }
}

const ESM_ONLY = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];

/** Whether the module, or a module that it imports, runs only as an ES module. */
function needsEsm(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  return ESM_ONLY.includes(code as string) || isTopLevelAwait(error);
}

function isTopLevelAwait(error: unknown): boolean {
  return /top-level await/i.test(errorMessage(error));
}

/**
 * Wraps an error of the module. A UsageError is recognized by its name, because the module may have loaded its
 * own copy of the library.
 */
function loadError(file: string, error: unknown): UsageError {
  if (error instanceof Error && error.name === 'UsageError') {
    return new UsageError(`${error.message} (in the stream module ${file})`);
  }
  const hint = isTopLevelAwait(error)
    ? '; an ES module may do that: name the file .mts, or put "type": "module" into its package.json'
    : '';
  const message = `the stream module ${file} can't be loaded: ${errorMessage(error)}${hint}`;
  return new UsageError(message, { cause: error });
}

async function streamsOf(module: unknown, settings: Settings, path: string): Promise<AnyStream[]> {
  let exported = isModuleObject(module) ? module.default : module;
  // A CommonJS module that is imported from ESM has its exports one level down.
  if (isModuleObject(exported)) exported = exported.default;
  const list = await valuesOf(exported, settings, resolve(path));
  if (list.length === 0 || !list.every((one) => one && typeof one.taskQueue === 'string')) {
    throw new UsageError(
      `${path} must export by default a stream made by defineStream, a list of them, a function that returns either, or a promise of one of these`,
    );
  }
  return list;
}

type StreamsOf = (settings: Settings) => unknown;

/**
 * Resolves the export to a list. The module's promise or function is the user's code, so its errors are reported
 * like errors of loading the module.
 */
async function valuesOf(exported: unknown, settings: Settings, file: string): Promise<AnyStream[]> {
  let value: unknown;
  try {
    value = await exported;
    if (typeof value === 'function') value = await (value as StreamsOf)(settings);
  } catch (error) {
    throw loadError(file, error);
  }
  return (Array.isArray(value) ? value : [value]) as AnyStream[];
}

function isModuleObject(value: unknown): value is { default: unknown } {
  return typeof value === 'object' && value !== null && 'default' in value;
}
