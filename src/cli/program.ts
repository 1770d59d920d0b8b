import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { addApiCommand } from './api';
import { addBridgeCommand } from './bridge';
import { addCodecCommand } from './codec';
import { addDevCommand } from './dev';
import { addDlqCommand } from './dlq';
import { addFailedCommand } from './failed';
import { addReconcileCommand } from './reconcile';
import { addResumeCommand } from './resume';
import { addSkipBatchCommand } from './skip-batch';
import { addScenariosCommand } from './scenarios';
import { addSendCommand } from './send';
import { addStatusCommand } from './status';
import { addTopicsCommand } from './topics';
import { addTraceCommand } from './trace';
import { addWorkerCommand } from './worker';

/** Every command; a usage error throws. */
export function createProgram(): Command {
  const program = new Command('cloudsync')
    .description('Kafka records as Temporal workflows: durable, exactly once at the sink, visible')
    .version(version())
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  const commands = [
    addDevCommand,
    addTopicsCommand,
    addApiCommand,
    addBridgeCommand,
    addWorkerCommand,
    addCodecCommand,
    addSendCommand,
    addStatusCommand,
    addFailedCommand,
    addDlqCommand,
    addTraceCommand,
    addResumeCommand,
    addSkipBatchCommand,
    addReconcileCommand,
    addScenariosCommand,
  ];
  for (const add of commands) add(program);
  return program;
}

function version(): string {
  const file = join(__dirname, '..', '..', 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
