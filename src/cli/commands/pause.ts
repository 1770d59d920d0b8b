import type { Command } from 'commander';
import { UsageError } from '../../domain/errors';
import { MAX_REASON, PAUSE } from '../../domain/stream/pause';
import { pause as pauseAction } from '../../operations/actions/actions';
import { commandActor } from '../options/actor';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type StreamFlags } from '../options/context';
import { printJson, say } from '../output/output';
import { printable } from '../../lib/unprintable';
import { withStreamOptions } from '../options/stream-options';

interface Flags extends StreamFlags {
  reason?: string;
  yes?: boolean;
  json?: boolean;
}

export function addPauseCommand(program: Command): void {
  withStreamOptions(program.command('pause'), 'the stream (required)')
    .description('start nothing more of a stream, in all its processes, until it is resumed')
    .option('--reason <text>', `why, for those who wonder; at most ${MAX_REASON} characters`)
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(pause);
}

async function pause({ reason, yes = false, json = false, ...flags }: Flags): Promise<void> {
  if (!flags.stream) throw new UsageError('name the streams with --stream');
  if (reason !== undefined && reason.length > MAX_REASON) {
    throw new UsageError(`--reason has ${reason.length} characters, and at most ${MAX_REASON} fit`);
  }
  if (!yes) requireTerminal();
  await withServers(flags, async ({ kafka, temporal: { client }, streams }) => {
    const names = streams.map(({ name }) => name).join(', ');
    const question = `Pause ${names}? Nothing more is started until "cloudsync resume".`;
    if (!yes && !(await confirmed(question))) throw new Error('nothing paused');
    const paused = [];
    for (const stream of streams) {
      paused.push(await pauseAction(commandActor(kafka, stream), client, reason ?? null));
    }
    if (json) return printJson({ paused });
    for (const one of paused) say(`${one.stream} is ${printable(PAUSE.describe(one))}`);
    say(
      'workflows that run go on; every process learns of the pause within 5 s, unless its version knows no pause',
    );
  });
}
