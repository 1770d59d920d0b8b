import type { Command } from 'commander';
import { withStreamOptions } from './stream-options';

export function addReconcileCommand(program: Command): void {
  withStreamOptions(program.command('reconcile'))
    .description('compare topic, sink and dead letters')
    .option('--json', 'print one JSON document');
}
