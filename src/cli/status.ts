import type { Command } from 'commander';
import { withStreamOptions } from './stream-options';

export function addStatusCommand(program: Command): void {
  withStreamOptions(program.command('status'))
    .description('lag, workflows, dead letters and duplicates of each stream')
    .option('--json', 'print one JSON document');
}
