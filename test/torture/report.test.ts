import type { JudgedStream } from './judge-run';
import { matrixDocument } from './matrix';
import { DEFAULTS } from './options';
import { printable } from './print';
import { buildReport } from './report';
import type { ResourceSummary } from './resources';

const stream: JudgedStream = {
  name: 'torture-record',
  lane: 'record',
  ...{ records: 3, delivered: 2, deadLettered: 1, repeatedLetters: 0 },
  ...{ missing: [], double: [], unexpected: [], untraceable: [], misordered: [] },
  reconcile: {
    ...{ stream: 'torture-record', messages: 3, delivered: 2, deadLettered: 1 },
    ...{ missing: 0, double: 0, missingIds: [], doubleIds: [], filtered: 0 },
  },
  writes: { written: 2, duplicate: 0 },
};
const levels = (first: number, last: number) => ({ first, min: 1, median: 1, max: last, last });
const steady: ResourceSummary = {
  ...{ process: 'worker', pid: 1, seconds: 60 },
  rssMb: levels(200, 300),
  handles: levels(50, 60),
};

function report(
  given: {
    stream?: Partial<JudgedStream>;
    unsettled?: string[];
    lost?: string[];
    resources?: ResourceSummary[];
    admitted?: string[];
    appendOnly?: boolean;
    ordering?: 'key';
  } = {},
) {
  const time = (second: number) => new Date(second * 1_000).toISOString();
  return buildReport({
    options: {
      ...DEFAULTS,
      appendOnly: given.appendOnly ?? false,
      ordering: given.ordering ?? 'none',
    },
    directory: 'somewhere',
    judged: {
      streams: [{ ...stream, ...given.stream }],
      ...{ lost: given.lost ?? [], leaked: [], refused: [], admitted: given.admitted ?? [] },
      journal: [
        {
          ...{ time: 12_000, pid: 1, messageId: 'm', key: null, partition: 0, offset: 0 },
          outcome: 'written',
        },
      ],
    },
    settled: { statuses: [], unsettled: given.unsettled ?? [], seconds: 5 },
    loadSeconds: 60,
    events: [
      { time: time(5), event: 'inject', kind: 'kill' },
      { time: time(10), event: 'healed', kind: 'kill' },
    ],
    messages: { unique: { all: 3, acknowledged: 3, unknown: 0, rejected: 0, sent: 0 } },
    resources: given.resources ?? [steady],
    ownExits: { worker: 0 },
  });
}

test('a run without findings is ok, and shows how soon it recovered', () => {
  expect(report()).toMatchObject({
    ok: true,
    findings: [],
    faults: { kill: 1 },
    recovery: [{ kind: 'kill', faults: 1, median: 2, max: 2 }],
  });
});

test.each([
  [{ unsettled: ['torture-record: 1 workflows run'] }, 'not settled: torture-record: 1 workflows'],
  [{ lost: ['x'] }, 'acknowledged and not on the topic: x'],
  [{ admitted: ['x'] }, 'taken and invalid: x'],
  [{ stream: { missing: ['m1'] } }, 'torture-record: missing: m1'],
  [{ stream: { double: ['m1'] } }, 'torture-record: double at the sink: m1'],
  [{ stream: { unexpected: ['m1'] } }, 'torture-record: unexpected: m1'],
  [{ stream: { untraceable: ['m1'] } }, 'torture-record: not traceable: m1'],
  [{ stream: { misordered: ['m1'] } }, 'torture-record: out of order: m1'],
  [
    { stream: { writes: { written: 0, duplicate: 0 } }, ordering: 'key' as const },
    "torture-record: order can't be judged: 0 of 2 writes in the journal",
  ],
  [
    { stream: { reconcile: { ...stream.reconcile, delivered: 0 } } },
    'torture-record: 2 delivered, reconcile says 0',
  ],
  [
    { stream: { reconcile: { ...stream.reconcile, missing: 1, missingIds: ['m1'] } } },
    'torture-record: reconcile says missing: m1',
  ],
  [
    { resources: [{ ...steady, rssMb: levels(200, 501) }] },
    'worker: memory has grown from 200 to 501 MB',
  ],
  [
    { resources: [{ ...steady, handles: levels(50, 101) }] },
    'worker: handles have grown from 50 to 101',
  ],
])('%j is a finding', (given, finding) => {
  const { ok, findings } = report(given);
  expect(ok).toBe(false);
  expect(findings).toEqual([expect.stringContaining(finding)]);
});

test('doubles at an append-only sink are no finding', () => {
  expect(report({ stream: { double: ['m1'] }, appendOnly: true }).ok).toBe(true);
});

test('a report is printed as a table, and several runs as a document', () => {
  const bad = report({ stream: { missing: ['m1'] } });
  expect(printable(report())).toMatch(/\nAs it must be$/);
  expect(printable(bad)).toMatch(/NOT AS IT MUST BE\ntorture-record: missing: m1$/);
  const document = matrixDocument([report(), bad], 'npm run torture');
  expect(document.match(/\| ok \||\| FAILED \|/g)).toEqual(['| ok |', '| FAILED |']);
  expect(document).toContain('- seed 1: torture-record: missing: m1');
});
