import { holdWorkflowId, recordMark, turnOf, type Head } from '../../../src/domain/stream/hold';

const value = Buffer.from('{"id":"42"}');
const record = { offset: 20, messageId: '42', value };

test.each<[string, Head, ReturnType<typeof turnOf>]>([
  ['the very record', [20, 'other'], 'head'],
  ['its message id, at another place', [7, recordMark('42', null)], 'head'],
  ['its value, which was no message then', [7, recordMark(undefined, value)], 'head'],
  ['another record', [7, recordMark('41', value)], 'behind'],
  ['another one, since it was delivered', [21, recordMark('43', null), 20], 'delivered'],
  ['the record, once more', [20, 'other', 20], 'head'],
])('where the head is %s', (_, head, turn) => {
  expect(turnOf(head, record)).toBe(turn);
});

test('a message id is no value', () => {
  expect(recordMark('42', null)).not.toBe(recordMark(undefined, Buffer.from('42')));
  expect(recordMark(undefined, null)).toHaveLength(11);
});

test('each partition has a workflow of its own', () => {
  expect(holdWorkflowId({ stream: 's', topic: 't', partition: 3 })).toBe('s-hold-t-3');
});
