import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { errorMessage, UsageError } from '../../domain/errors';
import { printJson, say } from '../output/output';
import { table } from '../../lib/table';
import { DEFAULT_MODULES } from '../options/load-streams';

/** The folder of the templates. The package and a checkout have it at the same place. */
const TEMPLATES = join(__dirname, '..', '..', '..', 'templates', 'stream');

interface TemplateFile {
  file: string;
  /** The name of the template, if npm leaves out or reads a file of the written name. Default: the written name. */
  template?: string;
  /** Files that would take the place of the written file. Default: the written name. */
  inTheWay?: string[];
  /** What a person has to do if the file is there. Absent: the file is in the way. */
  ifThere?: string;
}

const FILES: TemplateFile[] = [
  {
    file: 'package.json',
    template: 'package.template.json',
    ifThere:
      'run: npm install cloudsync zod@4 && npm install --save-dev @types/node tsx typescript; the test runs by: node --import tsx --test streams.test.ts',
  },
  {
    file: 'tsconfig.json',
    template: 'tsconfig.template.json',
    ifThere: 'streams.ts and streams.test.ts need types of Node ("types": ["node"])',
  },
  {
    file: 'streams.ts',
    inTheWay: DEFAULT_MODULES,
  },
  { file: 'streams.test.ts' },
  { file: 'payments.ndjson' },
  {
    file: 'docker-compose.yml',
    inTheWay: ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'],
  },
  {
    file: '.gitignore',
    template: 'gitignore.template',
    ifThere: 'add the lines node_modules/ and .cloudsync/, unless they are there',
  },
  { file: 'README.md', ifThere: 'the next commands are below' },
];

interface Written {
  directory: string;
  written: string[];
  kept: { file: string; todo: string }[];
}

export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('write a stream, its test and a Compose file into a folder; overwrite nothing')
    .argument('[dir]', 'the folder, made if it is missing (default: the working directory)')
    .option('--json', 'print one JSON document')
    .action(async (directory = '.', { json }: { json?: boolean }) => {
      const result = await writeProject(directory as string);
      if (json) return printJson(result);
      const { written, kept } = result;
      const rows = [
        ...written.map((file) => [file, 'written']),
        ...kept.map(({ file }) => [file, 'kept']),
      ];
      process.stdout.write(`${table(['FILE', 'STATE'], rows)}\n`);
      for (const { file, todo } of kept) say(`${file} is there and stays as it is: ${todo}`);
      say(
        `\nNext:\n${nextCommands(result)
          .map((line) => `  ${line}\n`)
          .join('')}`,
      );
    });
}

/** Writes all files that are missing, or throws and writes nothing. Never overwrites a file. */
export async function writeProject(directory: string): Promise<Written> {
  const there = (names: string[]) => names.filter((name) => existsSync(join(directory, name)));
  const inTheWay = FILES.filter(({ ifThere }) => ifThere === undefined).flatMap(
    ({ file, inTheWay: names = [file] }) => there(names),
  );
  if (inTheWay.length > 0) {
    throw new UsageError(
      `nothing is written, as ${directory} has ${inTheWay.join(', ')}: move what is in the way, or name another folder with "cloudsync init DIR"`,
    );
  }
  const kept = FILES.filter(({ file }) => there([file]).length > 0);
  const missing = FILES.filter((one) => !kept.includes(one));
  const texts = new Map<string, Buffer>();
  for (const { file, template = file } of missing) {
    texts.set(file, await readFile(join(TEMPLATES, template)));
  }
  await requireFolder(directory);
  const written: string[] = [];
  try {
    for (const [file, text] of texts) {
      // The flag refuses a file that has come meanwhile.
      await writeFile(join(directory, file), text, { flag: 'wx' });
      written.push(file);
    }
  } catch (error) {
    for (const file of written) await rm(join(directory, file), { force: true });
    throw new Error(`nothing is written: ${errorMessage(error)}`, { cause: error });
  }
  return {
    directory,
    written,
    kept: kept.map(({ file, ifThere }) => ({ file, todo: ifThere! })),
  };
}

async function requireFolder(directory: string): Promise<void> {
  try {
    await makeFolder(resolve(directory));
  } catch (error) {
    throw new UsageError(
      `can't make the folder ${directory}: ${errorMessage(error)}; name another folder with "cloudsync init DIR"`,
    );
  }
}

/** Makes missing parents, too. Node's own option for parents never ends below /proc. */
async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path);
  if (!existsSync(parent)) await makeFolder(parent);
  if (existsSync(path) && statSync(path).isDirectory()) return;
  await mkdir(path);
}

/** Quotes a path so that a shell takes it for one word, and `cd` for no option. */
function word(path: string): string {
  const text = path.startsWith('-') ? `./${path}` : path;
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function nextCommands({ directory, written }: Written): string[] {
  return [
    ...(directory === '.' ? [] : [`cd ${word(directory)}`]),
    ...(written.includes('package.json') ? ['npm install', 'npm test'] : []),
    'npx cloudsync dev up            # or: docker compose up --detach --wait',
    'npx cloudsync topics create',
    'npx cloudsync bridge start &',
    'npx cloudsync send --topic shop.payments payments.ndjson',
    'npx cloudsync status',
  ];
}
