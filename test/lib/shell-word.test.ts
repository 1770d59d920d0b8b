import { execFileSync } from 'node:child_process';
import { shellWord } from '../../src/lib/shell-word';

test.each(['p-1', 'a b', "it's", '$(id)', '`id`', '"', '-n', '', 'a\nb', '*', '\\'])(
  'a shell reads the word of %j as that text',
  (text) => {
    const script = `printf %s ${shellWord(text)}`;
    expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' })).toBe(text);
  },
);
