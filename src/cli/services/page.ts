import type { Command } from 'commander';
import { runUntilSignal } from '../../lib/lifecycle';
import { startPage } from '../../processes/create-page';
import { commandContext, type StreamFlags } from '../options/context';
import { serveWithoutReaders } from '../options/exit';
import { withStreamOptions } from '../options/stream-options';

export function addPageCommand(program: Command): void {
  const page = program.command('page').description('the operator page');
  withStreamOptions(page.command('start'))
    .description('start the operator page, which shows in a browser how the streams are')
    .action(async (flags: StreamFlags) => {
      serveWithoutReaders();
      const { settings, streams, logger } = await commandContext(flags);
      const { kafka, temporal, page } = settings;
      await runUntilSignal(startPage({ kafka, temporal, streams, page, logger }), logger);
    });
}
