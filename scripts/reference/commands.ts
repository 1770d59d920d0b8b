import type { Argument, Command, Option } from 'commander';
import { EXIT_CODES, exit1Of } from '../../src/cli/options/exit-codes';
import type { Sections } from './sections';
import { code, table } from './table';

/** The sections of commands.md: all commands of a program, the exit codes, and what each command takes. */
export function commandsSections(program: Command): Sections {
  const commands = leavesOf(program);
  const rows = commands.map(({ name, command }) => {
    return [`[${code(name)}](#${name.replaceAll(' ', '-')})`, does(name, command)];
  });
  const codes = Object.entries(EXIT_CODES).map(([exitCode, meaning]) => [exitCode, meaning]);
  return {
    commands: table(['command', 'does'], rows),
    'exit codes': table(['exit code', 'meaning'], codes),
    options: commands.map(({ name, command }) => describe(name, command)).join('\n\n'),
  };
}

interface Leaf {
  /** The words of the command after `cloudsync`. */
  name: string;
  command: Command;
}

/** The commands that do something, in the order of the help. */
function leavesOf(command: Command, path: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ name: path.join(' '), command }];
  return command.commands.flatMap((one) => leavesOf(one, [...path, one.name()]));
}

function does(name: string, command: Command): string {
  const description = command.description();
  if (description === '') throw new Error(`command ${name} has no description`);
  const when = exit1Of(command);
  return when === undefined ? description : `${description}; exits with 1 when ${when}`;
}

function describe(name: string, command: Command): string {
  const rows = [
    ...command.registeredArguments.map((argument) => argumentRow(name, argument)),
    ...command.options.filter(({ hidden }) => !hidden).map((option) => optionRow(name, option)),
  ];
  const usage = `\`\`\`sh\nnpx cloudsync ${`${name} ${command.usage()}`.trim()}\n\`\`\``;
  return [`### ${name}`, usage, ...(rows.length > 0 ? [tableOf(rows)] : [])].join('\n\n');
}

function tableOf(rows: string[][]): string {
  return table(['argument or option', 'default', 'meaning'], rows);
}

function argumentRow(name: string, argument: Argument): string[] {
  const dots = argument.variadic ? '...' : '';
  const shown = argument.required ? `<${argument.name()}${dots}>` : `[${argument.name()}${dots}]`;
  return row(name, shown, argument, argument.required);
}

function optionRow(name: string, option: Option): string[] {
  return row(name, option.flags, option, option.mandatory && option.defaultValue === undefined);
}

/** What the rows of arguments and options have in common. */
interface Described {
  description: string;
  defaultValue?: unknown;
  defaultValueDescription?: string;
  argChoices?: string[];
}

/** What only the text of an option says, because the command's action fills in the default or checks the option. */
const IN_TEXT = / \((?:default: (.*)|(required))\)$/;

function row(name: string, shown: string, described: Described, required: boolean): string[] {
  const { description, defaultValue, defaultValueDescription, argChoices } = described;
  if (description === '') throw new Error(`${shown} of command ${name} has no description`);
  const [, inText, requiredInText] = IN_TEXT.exec(description) ?? [];
  const text = typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue);
  const value = defaultValue === undefined ? undefined : code(text);
  const choices = argChoices ? `; one of ${argChoices.map(code).join(', ')}` : '';
  return [
    code(shown),
    required ? 'required' : (defaultValueDescription ?? value ?? inText ?? requiredInText ?? ''),
    `${description.replace(IN_TEXT, '')}${choices}`,
  ];
}
