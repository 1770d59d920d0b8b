import { Command } from 'commander';
import { exit1Of, withExit1 } from '../../../src/cli/options/exit-codes';

test('the help of a command names the outcome that makes it exit with 1', () => {
  const command = withExit1(new Command('compare'), 'a message is missing');
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
  expect(help).toContain('\nExits with 1 when a message is missing.\n');
  expect(exit1Of(command)).toBe('a message is missing');
});

test('a command without an outcome of its own names none', () => {
  expect(exit1Of(new Command('send'))).toBeUndefined();
});
