import type { Command } from 'commander';

export function addDlqCommand(program: Command): void {
  program.command('dlq').description('dead letters');
}
