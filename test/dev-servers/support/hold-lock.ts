import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '../../../src/dev-servers/process/lock';

/** Runs as a process: holds a lock for a moment and writes down when. */
const [path = '', journal = ''] = process.argv.slice(2);

void withLock(
  { path, waitingFor: 'the test', deadlineMs: 20_000, progress: () => undefined },
  async () => {
    appendFileSync(journal, 'in\n');
    await sleep(50);
    appendFileSync(journal, 'out\n');
  },
);
