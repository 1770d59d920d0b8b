import type { Command } from 'commander';
import { createWorker } from '../../processes/create-worker';
import type { StreamFlags } from '../options/context';
import { runService } from './run-service';
import { withStreamOptions } from '../options/stream-options';

export function addWorkerCommand(program: Command): void {
  const worker = program.command('worker').description('Temporal workers without a consumer');
  withStreamOptions(worker.command('start'))
    .description(
      'start a Temporal worker without a consumer: extra capacity, takes over what a dead bridge worker left',
    )
    .action((flags: StreamFlags) => runService(flags, createWorker));
}
