import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { loadSettings } from '../../../src/settings/config';

const CLI = join(__dirname, '..', '..', '..', 'src', 'cli');

/** A program with all commands of the CLI: the files below src/cli export them as `add…Command`. */
function cliProgram(): Command {
  const program = new Command();
  const files = readdirSync(CLI, { encoding: 'utf8', recursive: true });
  for (const name of files.filter((file) => file !== 'main.ts' && file.endsWith('.ts'))) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- the names are not known here
    const module = require(join(CLI, name)) as Record<string, unknown>;
    for (const [exported, add] of Object.entries(module)) {
      if (/^add[A-Z]\w*Command$/.test(exported)) (add as (program: Command) => void)(program);
    }
  }
  return program;
}

/** Fails if the words are no command of the CLI, or have an option that the command does not know. */
export function expectCommand(words: string[]): void {
  let command = cliProgram();
  const rest = [...words];
  while (rest.length > 0 && !rest[0]!.startsWith('-')) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    expect({ found: next?.name() }).toEqual({ found: rest.shift() });
    command = next!;
  }
  const options = rest.filter((word) => word.startsWith('-'));
  expect(command.options.map(({ long }) => long)).toEqual(expect.arrayContaining(options));
}

/** The port on which the process of a command answers `/livez` and `/readyz`, with this environment. */
export function healthPort(words: string[], env: Record<string, string>): number {
  return words[0] === 'page' ? loadSettings(env).page.port : metricsPort(words, env);
}

/** The port on which the process of a command serves its metrics, with this environment. */
export function metricsPort(words: string[], env: Record<string, string>): number {
  const settings = loadSettings(env);
  return words[0] === 'api' ? settings.api.metricsPort : settings.metricsPort;
}
