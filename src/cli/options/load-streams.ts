import { existsSync, statSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { require as load } from 'tsx/cjs/api';
import type { Settings } from '../../settings/config';
import { errorMessage, UsageError } from '../../domain/errors';
import { checkDistinct, type AnyStream } from '../../domain/stream/stream';
import referenceStreams, { REFERENCE_STREAM_NAMES } from '../../reference/streams/index';

/** What is looked for in the working directory when nobody names a module; the first that is there. */
const DEFAULT_MODULES = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map((end) => `streams.${end}`);

/** A project has this package in its `node_modules`; a checkout and the image are the package. */
const isInstalled = __dirname.split(sep).includes('node_modules');

/**
 * The streams of `CLOUDSYNC_STREAMS` (a JavaScript or TypeScript module), or of `streams.ts` in the working
 * directory; in a checkout without either, the reference streams. Only those named, if names are given. Throws a
 * {@link UsageError} if that can't be.
 */
export async function loadStreams(settings: Settings, names: string[] = []): Promise<AnyStream[]> {
  const path = settings.streams ?? DEFAULT_MODULES.find((file) => existsSync(file));
  if (path === undefined) {
    if (isInstalled) {
      throw new UsageError(
        `no streams: there is no ${DEFAULT_MODULES[0]} in ${process.cwd()}; name the module that exports them with --streams FILE or CLOUDSYNC_STREAMS`,
      );
    }
    checkKnown(names, REFERENCE_STREAM_NAMES);
    return referenceStreams(settings, names.length === 0 ? undefined : names);
  }
  const streams = await streamsOf(await importModule(path), settings, path);
  checkDistinct(streams);
  checkKnown(
    names,
    streams.map(({ name }) => name),
  );
  return names.length === 0 ? streams : streams.filter(({ name }) => names.includes(name));
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
    // As CommonJS, a module gets this process's own copy of the library, and needs no second one.
    return await load(file, __filename);
  } catch (error) {
    if (!needsEsm(error)) throw loadError(file, error);
  }
  // As an ES module itself: what tsx has for CommonJS does not find its own files.
  const { tsImport } = await import('tsx/esm/api');
  try {
    return await tsImport(pathToFileURL(file).href, pathToFileURL(__filename).href);
  } catch (error) {
    throw loadError(file, error);
  }
}

const ESM_ONLY = ['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE'];

/** Whether the module, or one that it imports, runs as an ES module only. */
function needsEsm(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  return ESM_ONLY.includes(code as string) || isTopLevelAwait(error);
}

function isTopLevelAwait(error: unknown): boolean {
  return /top-level await/i.test(errorMessage(error));
}

/** By name, as the module may have loaded a copy of the library of its own. */
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
  // A CommonJS module seen from ESM carries its exports one level down.
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

/** The module's promises and function are its own code, as what it runs when it is loaded. */
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
