import type { Command } from 'commander';
import { resume as resumeAction } from '../../operations/actions/actions';
import { heldBack, type HeldBack } from '../../operations/resume';
import { commandActor } from '../options/actor';
import { confirmed, requireTerminal } from '../options/confirm';
import { withServers, type StreamFlags } from '../options/context';
import { printJson, say } from '../output/output';
import { withStreamOptions } from '../options/stream-options';

interface Flags extends StreamFlags {
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function addResumeCommand(program: Command): void {
  withStreamOptions(program.command('resume'))
    .description(
      'resume streams that are paused, or braked because too many records were dead-lettered',
    )
    .option('--dry-run', 'show which are paused or braked')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(resume);
}

async function resume({ dryRun = false, yes = false, json = false, ...flags }: Flags) {
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();
  await withServers(flags, async ({ kafka, temporal: { client }, streams }) => {
    const all = await heldBack(client, streams);
    // Somebody has paused a stream for a reason, so only who names the stream ends the pause.
    const named = flags.stream !== undefined;
    const kept = named ? [] : all.filter(({ paused }) => paused);
    for (const { stream } of kept)
      say(`${stream.name} is paused: name it with --stream to resume it`);
    const held = all
      .map((one) => ({ ...one, paused: one.paused && named }))
      .filter(({ paused, braked }) => paused || braked);
    // The field has its name from before there was a pause.
    const notBraked = namesOf(all.filter(({ paused, braked }) => !paused && !braked));
    if (!json) for (const name of notBraked) say(`${name} is neither paused nor braked`);
    if (dryRun) {
      const wouldResume = namesOf(held);
      if (json) return printJson({ resumed: [], signalled: [], notBraked, wouldResume });
      for (const name of wouldResume) process.stdout.write(`${name}\n`);
      return;
    }
    const names = namesOf(held).join(', ');
    if (ask && held.length > 0 && !(await confirmed(`Resume ${names}?`))) {
      throw new Error('nothing resumed');
    }
    const results = { resumed: [] as string[], signalled: [] as string[] };
    for (const one of held) {
      results[await resumeAction(commandActor(kafka, one.stream), client, one)].push(
        one.stream.name,
      );
    }
    if (json) return printJson({ ...results, notBraked });
    for (const name of results.resumed) say(`${name} continues`);
    for (const name of results.signalled) {
      say(`${name} continues as soon as a bridge worker or a worker of it runs`);
    }
  });
}

function namesOf(streams: HeldBack[]): string[] {
  return streams.map(({ stream }) => stream.name);
}
