import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { addApiCommand } from './services/api';
import { addBridgeCommand } from './services/bridge';
import { addCodecCommand } from './services/codec';
import { addPageCommand } from './services/page';
import { addDevCommand } from './dev/dev';
import { addDlqCommand } from './commands/dlq/dlq';
import { addFailedCommand } from './commands/failed';
import { addPauseCommand } from './commands/pause';
import { addReconcileCommand } from './commands/reconcile';
import { addResumeCommand } from './commands/resume';
import { addSkipBatchCommand } from './commands/skip-batch';
import { addScenariosCommand } from './commands/scenarios';
import { addSendCommand } from './commands/send';
import { addStatusCommand } from './commands/status';
import { addTopicsCommand } from './commands/topics';
import { addTraceCommand } from './commands/trace';
import { addInitCommand } from './init/init';
import { addTryCommand } from './try/try';
import { addWorkerCommand } from './services/worker';

/** All commands. A usage error throws. */
export function createProgram(): Command {
  const program = new Command('cloudsync')
    .description('Kafka records as Temporal workflows: durable, exactly once at the sink, visible')
    .version(version())
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  const commands = [
    addTryCommand,
    addInitCommand,
    addDevCommand,
    addTopicsCommand,
    addApiCommand,
    addBridgeCommand,
    addWorkerCommand,
    addCodecCommand,
    addPageCommand,
    addSendCommand,
    addStatusCommand,
    addFailedCommand,
    addDlqCommand,
    addTraceCommand,
    addPauseCommand,
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
