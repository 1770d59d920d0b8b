import type { Command } from 'commander';
import type { AnyStream } from '../../domain/stream/stream';
import { brakedOf, resumeStream } from '../../operations/resume';
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
    .description('resume streams that are braked because too many records were dead-lettered')
    .option('--dry-run', 'show which are braked')
    .option('--yes', 'do not ask')
    .option('--json', 'print one JSON document')
    .action(resume);
}

async function resume({ dryRun = false, yes = false, json = false, ...flags }: Flags) {
  const ask = !dryRun && !yes;
  if (ask) requireTerminal();
  await withServers(flags, async ({ temporal: { client }, streams }) => {
    const braked = await brakedOf(client, streams);
    const notBraked = namesOf(streams.filter((stream) => !braked.includes(stream)));
    if (!json) for (const name of notBraked) say(`${name} is not braked`);
    if (dryRun) {
      const wouldResume = namesOf(braked);
      if (json) return printJson({ resumed: [], signalled: [], notBraked, wouldResume });
      for (const name of wouldResume) process.stdout.write(`${name}\n`);
      return;
    }
    const names = namesOf(braked).join(', ');
    if (ask && braked.length > 0 && !(await confirmed(`Resume ${names}?`))) {
      throw new Error('nothing resumed');
    }
    const results = { resumed: [] as string[], signalled: [] as string[] };
    for (const stream of braked) results[await resumeStream(client, stream)].push(stream.name);
    if (json) return printJson({ ...results, notBraked });
    for (const name of results.resumed) say(`${name} continues`);
    for (const name of results.signalled) {
      say(`${name} continues as soon as a bridge worker or a worker of it runs`);
    }
  });
}

function namesOf(streams: AnyStream[]): string[] {
  return streams.map(({ name }) => name);
}
