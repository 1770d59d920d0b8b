import type { Command } from 'commander';

/** Adds the options of {@link StreamFlags}. */
export function withStreamOptions(command: Command): Command {
  return command
    .option('--stream <name...>', 'only these streams (default: all)')
    .option('--streams <file>', 'module that exports the streams (default: CLOUDSYNC_STREAMS)');
}
