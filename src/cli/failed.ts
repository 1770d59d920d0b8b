import type { Command } from 'commander';

export function addFailedCommand(program: Command): void {
  program.command('failed').description('workflows whose latest run failed');
}
