import { loadCommitted } from '../../../src/bridge/consumer/load-committed';
import { PartitionCounters } from '../../../src/bridge/partition/partition-counters';
import { PartitionWindow } from '../../../src/bridge/partition/partition-window';
import { emptyTotals, parseCommitMetadata } from '../../../src/domain/commit-metadata';
import { deferred, keepingLogger, settled } from '../support/fakes';

test('an answer that comes after the window was loaded changes nothing', async () => {
  const counters = new PartitionCounters();
  const window = new PartitionWindow('t', 0, { records: 9, bytes: 1e9 }, counters);
  const windows = new Map([[0, window]]);
  const answers: { resolve(committed: object[]): void }[] = [];
  const group = {
    committed: () => {
      const answer = deferred<never>();
      answers.push(answer);
      return answer.promise;
    },
  };
  const { signal } = new AbortController();
  const { logger } = keepingLogger();
  // A second join comes before the first load is answered, so both loads ask for the same window.
  const load = () => loadCommitted(group, windows, signal, { stream: { name: 's' }, logger });
  const loads = [load(), load()];
  await settled();
  const commit = (offset: number, delivered: number, open: unknown[]) => {
    const metadata = JSON.stringify({ ...emptyTotals(), delivered, open });
    return [{ partition: 0, offset: String(offset), metadata }];
  };
  answers[0]!.resolve(commit(100, 100, [['hash', 'workflow']]));
  await settled();
  counters.add('delivered', 7);
  counters.predecessors.delete('hash', 'workflow');
  const committed = counters.toMetadata();
  expect(parseCommitMetadata(committed).totals.delivered).toBe(107);
  // The second answer already has what this process has committed.
  answers[1]!.resolve(commit(107, 107, [['hash', 'workflow']]));
  await Promise.all(loads);
  expect(window.initialOffset).toBe(100);
  expect(counters.toMetadata()).toBe(committed);
});
