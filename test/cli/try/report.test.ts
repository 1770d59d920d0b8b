import { describeTried } from '../../../src/cli/try/report';
import { TRIED_PAYMENTS } from '../../../src/reference/try/tried-payments';

const messages = TRIED_PAYMENTS.map(({ payment, outcome, attempts }, offset) => ({
  ...{ topic: 'try-x', partition: 0, offset, messageId: payment.id, outcome, attempts },
  location: outcome === 'dead-lettered' ? null : `folder/${payment.id}.json`,
  layer: outcome === 'duplicate' ? 'recent' : null,
  errorType: outcome === 'dead-lettered' ? 'Permanent' : null,
  errorMessage: outcome === 'dead-lettered' ? 'no account' : null,
  workflowId: outcome === 'duplicate' ? null : `try-x-${payment.id}-${offset}`,
  runId: outcome === 'duplicate' ? null : `run-${offset}`,
}));
const tried = { namespace: 'default', ui: 'http://127.0.0.1:8233', messages };

test('describeTried tells in eight lines what became of each message, where the failed one is, and what to do next', () => {
  expect(describeTried(tried).split('\n')).toEqual([
    'p-1  delivered at attempt 1: folder/p-1.json',
    'p-2  delivered at attempt 3: folder/p-2.json',
    'p-1  skipped as a duplicate (layer recent)',
    'p-3  delivered at attempt 2: folder/p-3.json',
    'p-4  FAILED for good at attempt 1, dead-lettered: Permanent: no account',
    '     http://127.0.0.1:8233/namespaces/default/workflows/try-x-p-4-4/run-4/history',
    expect.stringContaining('npx cloudsync dlq replay --stream try') as string,
    expect.stringContaining('npx cloudsync dev down') as string,
  ]);
});

test('describeTried names the ids of the workflow if the address of the UI is not known', () => {
  expect(describeTried({ ...tried, ui: undefined })).toContain(
    '\n     workflow try-x-p-4-4, run run-4 in namespace default\n',
  );
});

test('describeTried gives no link if the message has come to no end', () => {
  const open = messages.map((one) =>
    one.messageId === 'p-4' ? { ...one, outcome: 'running', attempts: null } : one,
  );
  const text = describeTried({ ...tried, messages: open });
  expect(text).toContain('\np-4  running\n');
  expect(text).not.toContain('http://');
});

test('describeTried replaces what could steer the terminal', () => {
  const steering = messages.map((one) => ({ ...one, errorMessage: 'red \u001b[31m\nnext' }));
  const [, , , , failed] = describeTried({ ...tried, messages: steering }).split('\n');
  expect(failed).toMatch(/Permanent: red \ufffd\[31m next$/);
});
