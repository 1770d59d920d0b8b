import type { Command } from 'commander';

/** Adds the options of {@link StreamFlags}. Repeatable, not variadic: ids may follow. */
export function withStreamOptions(command: Command): Command {
  return command
    .option(
      '--stream <name>',
      'only this stream (repeatable; default: all)',
      (name: string, names: string[] = []) => [...names, name],
    )
    .option('--streams <file>', 'module that exports the streams (default: CLOUDSYNC_STREAMS)');
}
