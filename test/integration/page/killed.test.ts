import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { BridgeProcesses } from '../support/bridge-processes';
import { sentBack, writeLetters } from '../support/sent-back';
import { until } from '../support/world';

// After the death of its worker a replay goes on when 30 s have passed without a heartbeat.
jest.setTimeout(300_000);

const MAIN = join(__dirname, '..', '..', '..', 'dist', 'cli', 'main.js');
const COUNT = 1_000;

/** The page in a process of its own. */
async function startPage(env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [MAIN, 'page', 'start', '--stream', 'aws'], {
    env: { ...env, CLOUDSYNC_PAGE_PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const line = output.split('\n').find((one) => one.includes('"msg":"Listening"'));
      if (line) resolve((JSON.parse(line) as { url: string }).url);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
  return { child, url };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface ShownReplay {
  replay: { state: string; counts: Record<string, number> };
  outcomes: { letter: string; outcome: string; end: string | null }[];
  next: string | null;
}

test('a replay of 1,000 letters ends as it must, though the page and every worker are killed', async () => {
  const processes = await BridgeProcesses.create(2);
  const pages: ChildProcess[] = [];
  const page = async () => {
    const { child, url } = await startPage(processes.env);
    pages.push(child);
    return {
      child,
      get: async <T>(path: string) => {
        const answer = await fetch(`${url}${path}`, { headers: { accept: 'application/json' } });
        return (await answer.json()) as T;
      },
      post: async <T>(path: string, form: object) => {
        const headers = { accept: 'application/json', origin: url };
        const answer = await fetch(`${url}${path}`, {
          ...{ method: 'POST', body: JSON.stringify(form) },
          headers: { ...headers, 'content-type': 'application/json' },
        });
        return (await answer.json()) as T;
      },
    };
  };
  try {
    const { stream, world } = processes;
    const ids = Array.from({ length: COUNT }, (_, n) => `m${n}`);
    await writeLetters(world, stream, ids);
    const workers = [await processes.start(), await processes.start()];
    const first = await page();
    const path = `/streams/${stream.name}/replay`;
    interface Plan {
      plan: { id: string; sends: number; making: string | null };
    }
    let plan: Plan['plan'] | undefined;
    await until('the plan is made', async () => {
      ({ plan } = await first.get<Plan>(path));
      return plan.making === null;
    });
    expect(plan!.sends).toBe(COUNT);
    const asked = { plan: plan!.id, count: COUNT, rate: 100, wait: true };
    const { replay } = await first.post<{ replay: string }>(path, asked);
    const sent = () => sentBack(world, stream);
    await until('a third is sent back', async () => (await sent()).length > COUNT / 3);
    await Promise.all([kill(first.child), ...workers.map((one) => one.end('SIGKILL'))]);
    expect((await sent()).length).toBeLessThan(COUNT);

    const second = await page();
    const shown = (query = '') => second.get<ShownReplay>(`/replays/${replay}${query}`);
    expect((await shown()).replay.state).toBe('running');
    await processes.start();
    await until('the replay is done', async () => (await shown()).replay.state === 'done', 240_000);
    const letters = await sent();
    expect(letters).toHaveLength(COUNT);
    expect(new Set(letters).size).toBe(COUNT);
    expect((await processes.files()).size).toBe(COUNT);

    const { counts } = (await shown()).replay;
    expect(counts).toMatchObject({ sentBack: COUNT, delivered: COUNT });
    const outcomes: ShownReplay['outcomes'] = [];
    let next: string | null = '';
    while (next !== null) {
      const part: ShownReplay = await shown(next === '' ? '' : `?cursor=${next}`);
      outcomes.push(...part.outcomes);
      ({ next } = part);
    }
    expect(outcomes).toHaveLength(COUNT);
    expect(new Set(outcomes.map(({ letter }) => letter)).size).toBe(COUNT);
    expect(outcomes.every(({ end }) => end === 'delivered')).toBe(true);
    interface Overview {
      streams: { letters: Record<string, number> }[];
    }
    const { streams } = await second.get<Overview>('/');
    expect(streams[0]!.letters).toMatchObject({ open: 0, delivered: COUNT });
  } finally {
    await Promise.all(pages.map(kill));
    await processes.close();
  }
});
