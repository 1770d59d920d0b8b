import { z } from 'zod';
import {
  DEFAULT_WORKFLOW_ID_TEMPLATE,
  fitWorkflowId,
  invalidRecordWorkflowIds,
  recordWorkflowId,
  recordWorkflowIds,
} from '../../src/domain/record/workflow-id';
import { BRAKE } from '../../src/domain/stream/brake';
import { PAUSE } from '../../src/domain/stream/pause';
import { replayWorkflowId } from '../../src/domain/stream/replay';
import { holdWorkflowId } from '../../src/domain/stream/hold';
import { defineStream } from '../../src/domain/stream/stream';
import { chunkWorkflowIds } from '../../src/domain/workflow/chunk';
import {
  deadLetterHeaders,
  HEADER_MEANINGS,
  sentBackHeaders,
} from '../../src/domain/workflow/dead-letter';
import { parseNow } from '../../src/domain/workflow/parse';
import { startOfRecord } from '../../src/domain/workflow/record-start';
import { objectName } from '../../src/sinks/object-name';
import type { Sections } from './sections';
import { code, table } from './table';

/** The sections of ids.md. All examples come from the functions that make the ids, names and headers. */
export function idsSections(): Sections {
  return {
    'workflow ids': table(['what', 'id', 'example'], workflowIds()),
    'message ids': table(['value of the record', 'message id', 'name at the sink'], messageIds()),
    'dead-letter headers': table(['header', 'meaning', 'example'], headers()),
  };
}

const EXAMPLE = {
  stream: 'aws',
  messageId: '42',
  topic: 'orders',
  partition: 3,
  offset: 1007,
  first: 1000,
  timestamp: Date.UTC(2026, 10, 23, 20),
  digest: '0123456789abcdef0123456789abcdef',
};
type Values = typeof EXAMPLE;

/** The name of each value in place of the value. The functions that make ids only join values, so they accept texts too. */
const NAMES = {
  ...Object.fromEntries(Object.keys(EXAMPLE).map((name) => [name, `<${name}>`])),
  first: '<first offset>',
  timestamp: '<timestamp in ms>',
} as unknown as Values;

const WITH_PARTITION = '{stream}-{messageId}-{partition}-{offset}';

/** What has a workflow, and how its id is made. */
const WORKFLOW_IDS: [what: string, idOf: (values: Values) => string | undefined][] = [
  ['record', (values) => [...recordWorkflowIds(DEFAULT_WORKFLOW_ID_TEMPLATE, values)][0]],
  [
    'the first id is held by another record',
    (values) => [...recordWorkflowIds(DEFAULT_WORKFLOW_ID_TEMPLATE, values)][1],
  ],
  [
    'and so is the second',
    (values) => [...recordWorkflowIds(DEFAULT_WORKFLOW_ID_TEMPLATE, values)][2],
  ],
  [
    "record, if the stream's `workflowId` option adds the partition",
    (values) => recordWorkflowId(WITH_PARTITION, values),
  ],
  [
    "record that can't be parsed",
    (values) => [...invalidRecordWorkflowIds(values.stream, values)][0],
  ],
  [
    'the first id is held by another record',
    (values) => [...invalidRecordWorkflowIds(values.stream, values)][1],
  ],
  [
    "and so is the second, of a batch that can't be read: digest of its bytes",
    (values) => [...invalidRecordWorkflowIds(values.stream, values)][2],
  ],
  ['chunk', (values) => [...chunkWorkflowIds(values)][0]],
  ['the first id of a chunk is held by another', (values) => [...chunkWorkflowIds(values)][1]],
  ['held keys of a partition', holdWorkflowId],
  ['brake of a stream', ({ stream }) => BRAKE.workflowId(stream)],
  ['pause of a stream', ({ stream }) => PAUSE.workflowId(stream)],
  ['replay of dead letters', ({ stream }) => replayWorkflowId(stream)],
];

function workflowIds(): string[][] {
  return [
    ...WORKFLOW_IDS.map(([what, idOf]) => [what, code(idOf(NAMES)!), code(idOf(EXAMPLE)!)]),
    [
      'longer than 255 bytes, or control characters',
      'a readable prefix, `-`, SHA-256 of the whole, 64 characters',
      code(
        fitWorkflowId(
          recordWorkflowId(DEFAULT_WORKFLOW_ID_TEMPLATE, { ...EXAMPLE, messageId: '4\n2' }),
        ),
      ),
    ],
  ];
}

const stream = defineStream({
  name: EXAMPLE.stream,
  topic: EXAMPLE.topic,
  schema: z.object({ id: z.unknown() }),
  messageId: ({ id }) => id as string,
  sink: { write: () => Promise.reject(new Error('no example writes')) },
});

const record = (value: string) => ({
  ...EXAMPLE,
  key: Buffer.from(EXAMPLE.messageId),
  value: Buffer.from(value),
  headers: [],
});

const VALUES = ['{"id":"42"}', '{"id":42}', '{"id":"a/b c.1"}', '{"id":""}', '{"id":1.5}'];

function messageIds(): string[][] {
  return VALUES.map((value) => {
    const parsed = parseNow(stream, record(value));
    if (!parsed.ok)
      return [code(value), `none, ${code(parsed.reason.type)}: ${parsed.reason.message}`, ''];
    return [code(value), code(parsed.messageId), code(objectName(parsed.messageId))];
  });
}

function headers(): string[][] {
  const { deadLetterTopic } = stream;
  const sentBack = sentBackHeaders({ topic: deadLetterTopic, partition: 0, offset: 17 }, 1);
  const { workflowId } = startOfRecord(stream, record('{"id":"42"}'), EXAMPLE.messageId);
  const made = new Map(
    deadLetterHeaders(
      stream.name,
      { ...record('{"id":"42"}'), headers: sentBack },
      { type: 'Permanent', message: 'the sink says no', attempts: 1 },
      { workflowId, runId: '01a229f9-61f5-7a74-9e00-7fa32c4e23fd' },
      new Date(EXAMPLE.timestamp + 60_000),
      { key: EXAMPLE.messageId, rawId: EXAMPLE.messageId },
    ),
  );
  return Object.entries(HEADER_MEANINGS).map(([name, meaning]) => [
    code(name),
    meaning,
    code(made.get(name)?.toString() ?? 'true'),
  ]);
}
