import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { require as load } from 'tsx/cjs/api';
import type { Settings } from './config';
import { errorMessage, UsageError } from './domain/errors';
import { checkDistinct, type AnyStream } from './domain/stream';
import referenceStreams, { REFERENCE_STREAM_NAMES } from './streams/index';

/** A stream module's default export. */
type StreamsExport = AnyStream | AnyStream[] | ((settings: Settings) => AnyStream | AnyStream[]);

/**
 * The streams of `CLOUDSYNC_STREAMS` (a JavaScript or TypeScript module), or the reference streams; only
 * those named, if names are given. Throws a {@link UsageError} where that can't be.
 */
export function loadStreams(settings: Settings, names: string[] = []): AnyStream[] {
  if (!settings.streams) {
    checkKnown(names, REFERENCE_STREAM_NAMES);
    return referenceStreams(settings, names.length === 0 ? undefined : names);
  }
  const streams = streamsOf(importModule(settings.streams), settings, settings.streams);
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

function importModule(path: string): unknown {
  const file = resolve(path);
  if (!existsSync(file)) throw new UsageError(`the stream module ${file} does not exist`);
  try {
    return load(file, __filename);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the stream module ${file} can't be loaded: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function streamsOf(module: unknown, settings: Settings, path: string): AnyStream[] {
  let exported = isModuleObject(module) ? module.default : module;
  // A CommonJS module seen from ESM carries its exports one level down.
  if (isModuleObject(exported)) exported = exported.default;
  const value =
    typeof exported === 'function'
      ? (exported as (settings: Settings) => StreamsExport)(settings)
      : exported;
  const list = (Array.isArray(value) ? value : [value]) as AnyStream[];
  if (list.length === 0 || !list.every((one) => one && typeof one.taskQueue === 'string')) {
    throw new UsageError(
      `${path} must export by default a stream made by defineStream, a list of them, or a function that returns either`,
    );
  }
  return list;
}

function isModuleObject(value: unknown): value is { default: unknown } {
  return typeof value === 'object' && value !== null && 'default' in value;
}
