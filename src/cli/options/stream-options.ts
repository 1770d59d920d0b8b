import type { Command } from 'commander';

/** Adds the options of {@link StreamFlags}. `--stream` is repeatable, not variadic, because ids may follow it. */
export function withStreamOptions(
  command: Command,
  which = 'only this stream, repeatable (default: all)',
): Command {
  return command
    .option('--stream <name>', which, (name: string, names: string[] = []) => [...names, name])
    .option('--streams <file>', 'module that exports the streams (default: CLOUDSYNC_STREAMS)');
}
