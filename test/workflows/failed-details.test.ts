import { failedDetails } from '../../src/workflows/failed-details';

const failure = { type: 'Permanent', message: 'no such account', attempts: 3 };
const commandOf = (workflowId: string) =>
  failedDetails(failure, workflowId, 'orders')
    .split('\n')
    .at(-2)!
    .replace('npx cloudsync failed replay --wait --stream orders ', '');

test('the details of a failed workflow say why it failed and which command runs it again', () => {
  expect(failedDetails(failure, 'orders-a-7', 'orders')).toBe(
    [
      'The record is on the dead-letter topic: `Permanent`, after 3 attempts at the sink.',
      '`no such account`',
      'Mend the cause. Then run the record again:',
      '```\nnpx cloudsync failed replay --wait --stream orders orders-a-7\n```',
    ].join('\n\n'),
  );
});

test('a message that is Markdown or steers a terminal is shown as plain code', () => {
  const message = '`[click](http://evil)`\n\u202e\u001b[31m# title';
  const details = failedDetails({ ...failure, message, attempts: 1 }, 'orders-a-7', 'orders');
  expect(details).toContain("`'[click](http://evil)'\ufffd\ufffd\ufffd[31m# title`");
  expect(details).toContain('after 1 attempt at');
  expect(failedDetails({ ...failure, message: '' }, 'w', 'orders')).toContain('`no message`');
});

test('a failure of a workflow in plain JavaScript, whose type and message are no text, gets details too', () => {
  const failureOf = (fields: object) => ({ ...failure, ...fields });
  const nothing = failedDetails(failureOf({ type: undefined, message: undefined }), 'w', 'orders');
  expect(nothing).toContain('`undefined`, after 3 attempts');
  expect(nothing).toContain('`no message`');
  const numbers = failedDetails(
    failureOf({ type: 7, message: { code: 8 } }),
    'w',
    undefined as never,
  );
  expect(numbers).toContain('`7`, after');
  expect(numbers).toContain('`[object Object]`');
  // A stream that is no name is left out.
  expect(numbers).toContain('failed replay --wait w\n');
});

test.each([
  ['orders-a b-7', "'orders-a b-7'"],
  ["orders-$(rm)'-7", "'orders-$(rm)'\\''-7'"],
  ['-5-0', "-- '-5-0'"],
  ['~root-0', "'~root-0'"],
  ['orders-`x`-7', 'WORKFLOW_ID'],
  ['orders-\u001b[2J-7', 'WORKFLOW_ID'],
])('the command quotes the workflow id %j as %j', (workflowId, quoted) => {
  expect(commandOf(workflowId)).toBe(quoted);
});
