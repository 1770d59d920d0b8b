import type { TracedRun } from '../../../src/operations/trace/trace-runs';
import {
  messageVerdict,
  recordVerdict,
  type Verdict,
} from '../../../src/operations/trace/trace-verdict';
import { letter as letterOf, type LetterOptions } from '../support/letters';

const position = { topic: 'topic', partition: 0, offset: 7 };

function run(status: string, given: Partial<TracedRun> = {}): TracedRun {
  return {
    ...{ workflowId: 'w', runId: status, type: 'deliverRecord', status, ...position },
    ...{ startedAt: '2026-01-01T00:00:00Z', closedAt: null, outcome: null, attempts: null },
    ...{ otherLog: false, stuck: false, errorType: null, errorMessage: null, ...given },
  };
}

const letter = (options: LetterOptions = {}) => ({ ...letterOf(options), otherLog: false });
const otherLog = { otherLog: true };
const otherLetter = { ...letter(), ...otherLog };

const elsewhere = run('Running', { offset: 8 });
const revalidated = run('Completed', { type: 'invalidRecord', outcome: 'revalidated' });
const chunk = (status: string) => run(status, { type: 'deliverChunk' });
const stuckChunk = run('Running', { type: 'deliverChunk', stuck: true });

test.each<[string, Parameters<typeof recordVerdict>, Verdict]>([
  ['nothing known', [position, [], undefined, []], 'unknown'],
  ['another record runs', [position, [elsewhere], undefined, []], 'unknown'],
  [
    'runs, and its workflow task fails',
    [position, [run('Running', { stuck: true })], undefined, []],
    'stuck',
  ],
  ['runs, and its workflow task fails, in a chunk', [position, [], stuckChunk, []], 'stuck'],
  ['runs', [position, [run('Failed'), run('Running')], undefined, [letter()]], 'running'],
  [
    'the last run completed',
    [position, [run('Failed'), run('Completed')], undefined, [letter()]],
    'delivered',
  ],
  ['the last run failed', [position, [run('Failed')], undefined, [letter()]], 'dead-lettered'],
  ['without a letter', [position, [run('Terminated')], undefined, []], 'failed'],
  [
    'the letter of another',
    [position, [run('Failed')], undefined, [letter({ record: { offset: 8 } })]],
    'failed',
  ],
  ['only the letter is left', [position, [], undefined, [letter()]], 'dead-lettered'],
  [
    'revalidated, and then failed',
    [position, [run('Failed'), revalidated], undefined, []],
    'failed',
  ],
  ['in a chunk', [position, [], chunk('Completed'), []], 'delivered'],
  ['in a chunk that runs', [position, [], chunk('Running'), []], 'running'],
  ['in a chunk that expired', [position, [], chunk('Failed'), []], 'failed'],
  ['delivered in another log', [position, [run('Completed', otherLog)], undefined, []], 'unknown'],
  ['runs in another log', [position, [run('Running', otherLog)], undefined, []], 'unknown'],
  ['dead-lettered in another log', [position, [], undefined, [otherLetter]], 'unknown'],
  [
    'filtered, and dead-lettered in another log',
    [position, [run('Failed', otherLog)], undefined, [otherLetter], true],
    'filtered',
  ],
  [
    'delivered before it died in another log',
    [position, [run('Completed'), run('Failed', otherLog)], undefined, [otherLetter]],
    'delivered',
  ],
  [
    'in a chunk of another log',
    [position, [], { ...chunk('Completed'), ...otherLog }, []],
    'unknown',
  ],
  [
    'in a chunk, and dead-lettered in another log',
    [position, [], chunk('Completed'), [otherLetter]],
    'delivered',
  ],
  [
    'the other log is asked for',
    [position, [run('Completed')], undefined, [otherLetter], false, true],
    'dead-lettered',
  ],
  ['left its chunk and died', [position, [], chunk('Completed'), [letter()]], 'dead-lettered'],
])('the verdict on a record: %s', (_, args, verdict) => {
  expect(recordVerdict(...args)).toBe(verdict);
});

test('a message with several records is delivered if one of them is', () => {
  expect(messageVerdict([])).toBe('unknown');
  expect(messageVerdict(['dead-lettered', 'delivered', 'unknown'])).toBe('delivered');
  expect(messageVerdict(['delivered', 'running'])).toBe('running');
  expect(messageVerdict(['unknown', 'failed', 'dead-lettered'])).toBe('dead-lettered');
});
