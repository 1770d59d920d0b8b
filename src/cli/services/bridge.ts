import type { Command } from 'commander';
import { createBridgeWorker } from '../../processes/create-bridge-worker';
import type { StreamFlags } from '../options/context';
import { runService } from './run-service';
import { withStreamOptions } from '../options/stream-options';

export function addBridgeCommand(program: Command): void {
  const bridge = program.command('bridge').description('bridge workers: consume and deliver');
  withStreamOptions(bridge.command('start'))
    .description('start a bridge worker: consumer and Temporal worker of the streams')
    .action((flags: StreamFlags) => runService(flags, createBridgeWorker));
}
