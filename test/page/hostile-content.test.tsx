import type { ComponentChild } from 'preact';
import { Links } from '../../src/page/links';
import { showValue } from '../../src/page/data/value';
import { render } from '../../src/page/render';
import { ACTIONS } from '../../src/page/actions';
import { SCREENS, type AnyScreen } from '../../src/page/screens';
import type { PageContext } from '../../src/page/views/context';
import { Layout } from '../../src/page/views/layout';
import { workflowUrl } from '../../src/temporal/workflow-url';
import { kafkaRecord } from '../domain/support/records';
import { payments } from './support/page-app';

const BIDI = '\u202e';
/** Markup, an end of an attribute and of a script, and characters that mislead. */
const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(1)>${BIDI}\u0000\u001b[2J\u200b\ud800 javascript:x`;

const page: PageContext = {
  ...{ links: new Links(''), streams: [HOSTILE], readOnly: false, hasLogin: true, user: HOSTILE },
  assets: {
    ...{ style: '/a.css', htmx: '/a.js', script: '/b.js', icon: '/i.svg' },
    plots: { style: '/u.css', uplot: '/u.js', script: '/p.js' },
  },
  address: `/${HOSTILE}`,
  dashboardUrl: (stream) =>
    `http://grafana/d?var-stream=${encodeURIComponent(stream.toWellFormed())}`,
  workflowUrl: (run) => workflowUrl('http://ui', 'default', run),
};

function screen(path: string): Pick<AnyScreen, 'view' | 'lasting'> {
  return [...SCREENS, ...ACTIONS].find((one) => one.path === path)!;
}

const document = (content: ComponentChild, lasting?: ComponentChild) =>
  render(
    <Layout title={HOSTILE} page={page} lasting={lasting}>
      {content}
    </Layout>,
  );

const position = { topic: HOSTILE, partition: 0, offset: 0 };
const entry = {
  ...{ stream: HOSTILE, messageId: HOSTILE, key: HOSTILE, rawId: HOSTILE, ...position },
  ...{ workflowId: HOSTILE, runId: HOSTILE, errorType: HOSTILE, errorMessage: HOSTILE },
  ...{ attempts: 1, failedAt: HOSTILE, replays: 1, replayOf: HOSTILE, deadLetter: position },
};
const run = {
  ...{ workflowId: HOSTILE, runId: HOSTILE, type: HOSTILE, status: HOSTILE, stuck: true },
  ...{ startedAt: HOSTILE, closedAt: HOSTILE, outcome: HOSTILE, attempts: 1, ...position },
  ...{ errorType: HOSTILE, errorMessage: HOSTILE },
};
const status = {
  ...{ name: HOSTILE, topic: HOSTILE, groupId: HOSTILE, lag: 1, lagByPartition: { 0: 1 } },
  consumers: {
    settled: true,
    members: [{ memberId: HOSTILE, clientId: HOSTILE, host: HOSTILE, partitions: [0] }],
  },
  stalled: [{ ...position, reason: HOSTILE, since: HOSTILE, workflowId: null, detail: HOSTILE }],
  ...{ paused: null, braked: null, held: [], running: 1, failed: 0, completed: 0, deadLetters: 1 },
  slow: {
    count: 1,
    since: HOSTILE,
    lookedAt: 1,
    retrying: null,
    stuck: { workflowIds: [HOSTILE] },
  },
  ...{ delivered: 0, retries: 0, filtered: 0, checked: 0, duplicateRate: 0 },
  ...{ duplicates: {}, recent: {}, averageDeliveryMs: null },
};
const problem = {
  ...{ kind: 'braked', stream: HOSTILE, since: HOSTILE, text: HOSTILE },
  ...{ advice: HOSTILE, command: HOSTILE },
};
const stream = {
  ...{ name: HOSTILE, topic: HOSTILE, deadLetterTopic: HOSTILE, status, at: HOSTILE, lag: 1 },
  letters: { open: 1 },
  problems: [problem],
};
const notices = [HOSTILE];
const group = {
  ...{ id: HOSTILE, stream: HOSTILE, errorType: HOSTILE, example: HOSTILE, unsettled: 1 },
  ...{ firstAt: HOSTILE, lastAt: HOSTILE, counts: {} },
};
const filters = { places: [HOSTILE], errorTypes: [HOSTILE], groups: [HOSTILE], text: HOSTILE };
const listedReplay = {
  ...{ replay: HOSTILE, stream: HOSTILE, by: HOSTILE, at: HOSTILE, state: HOSTILE, filters },
  ...{ endedAt: HOSTILE, counts: { [HOSTILE]: 1 } },
  progress: { done: 1, total: null, text: HOSTILE },
};
const chosen = { name: HOSTILE, place: [HOSTILE], type: [HOSTILE], group: [HOSTILE], q: HOSTILE };
const plan = {
  ...{ id: HOSTILE, stream: HOSTILE, filters, making: null, fault: null, runs: 1, sends: 0 },
  ...{ refused: [{ reason: HOSTILE, count: 1 }], notices },
  letters: [{ partition: 0, offset: 0, messageId: HOSTILE, action: 'refuse', reason: HOSTILE }],
};

const MODELS: [path: string, model: object, input: object][] = [
  ['/', { streams: [stream], notices }, {}],
  ['/streams/:name', { stream, notices }, { name: HOSTILE }],
  [
    '/dead-letters',
    {
      ...{ letters: [{ ...entry, status: 'open' }], next: HOSTILE, read: 1, notices },
      groups: [group],
    },
    { stream: HOSTILE, type: [HOSTILE], since: HOSTILE, q: HOSTILE, cursor: HOSTILE },
  ],
  [
    '/dead-letters/:stream/:partition/:offset',
    {
      ...{ letter: entry, status: null, timestamp: HOSTILE, key: HOSTILE, valueBytes: 1, notices },
      headers: [[HOSTILE, HOSTILE]],
      value: { view: 'raw', text: HOSTILE, isCut: true, note: HOSTILE },
    },
    { stream: HOSTILE, partition: 0, offset: 0 },
  ],
  [
    '/waiting',
    { workflows: [{ ...run, stream: HOSTILE, messageId: HOSTILE }], next: HOSTILE, notices },
    { stream: HOSTILE, cursor: HOSTILE },
  ],
  [
    '/trace/*',
    {
      messageId: HOSTILE,
      streams: [
        {
          ...{ name: HOSTILE, verdict: HOSTILE, runs: [run], deadLetters: [entry] },
          records: [{ ...position, timestamp: HOSTILE, verdict: HOSTILE, replayOf: HOSTILE }],
          ...{ sinkObject: { location: HOSTILE, bytes: 1 }, notLookedAt: [HOSTILE] },
        },
      ],
      notices,
    },
    { '*': HOSTILE },
  ],
  [
    '/replays',
    {
      ...{ replays: [listedReplay], next: HOSTILE, notices },
    },
    {},
  ],
  [
    '/replays/:id',
    {
      ...{ replay: listedReplay, perSecond: 1, next: HOSTILE, notices },
      outcomes: [
        { letter: HOSTILE, at: HOSTILE, outcome: HOSTILE, reason: HOSTILE, end: null },
        { letter: `${HOSTILE}/0@0`, at: HOSTILE, outcome: HOSTILE, reason: HOSTILE, end: HOSTILE },
      ],
    },
    { id: HOSTILE, cursor: HOSTILE },
  ],
  [
    '/audit',
    {
      entries: [
        {
          ...{ id: HOSTILE, at: HOSTILE, by: HOSTILE, via: HOSTILE, stream: HOSTILE },
          ...{ action: 'discard', outcome: 'failed' },
          ...{ subject: HOSTILE, reason: HOSTILE, detail: HOSTILE },
        },
      ],
      ...{ next: HOSTILE, notices },
    },
    { stream: HOSTILE },
  ],
  ['/streams/:name/pause', { stream: HOSTILE, notices }, { name: HOSTILE }],
  ['/streams/:name/resume', { paused: true, braked: true, notices }, { name: HOSTILE }],
  ['/streams/:name/replay', { plan, running: null, notices }, chosen],
  ['/streams/:name/discard', { letters: [{ ...entry, status: 'open' }], count: 2 }, chosen],
  ['/streams/:name/reopen', { letters: [{ ...entry, status: 'discarded' }], count: 2 }, chosen],
  ['/streams/:name/give-up', { record: HOSTILE, notices }, { name: HOSTILE }],
  ['/replays/:id/stop', { replay: listedReplay, notices }, { id: HOSTILE }],
  ['/replays/:id/resume', { replay: listedReplay, notices }, { id: HOSTILE }],
];

test('the models of this test are those of all screens and actions', () => {
  const paths = [...SCREENS, ...ACTIONS]
    .map(({ path }) => path)
    .filter((path) => path !== '/trace');
  expect(MODELS.map(([path]) => path).sort()).toEqual(paths.sort());
});

test.each(MODELS)(
  'the screen %s shows hostile texts in every field harmlessly',
  (path, model, input) => {
    const lasting = screen(path).lasting?.(input, page) as ComponentChild;
    const html = document(screen(path).view(model, page, input) as ComponentChild, lasting);
    // The only elements that a text could add, and the only attributes that could run something.
    expect(html.match(/<script/g)).toHaveLength(lasting ? 4 : 2);
    expect(html).not.toMatch(/<img/);
    expect(html).not.toMatch(/<[^>"]*("[^"]*"[^>"]*)*\sonerror=/);
    expect(html).not.toMatch(/(href|src|action)="javascript:/);
    // eslint-disable-next-line no-control-regex -- these are the characters that must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/);
    expect(html).toContain('⟨U+202E⟩⟨U+0000⟩⟨U+001B⟩[2J⟨U+200B⟩⟨U+D800⟩');
  },
);

describe('a value', () => {
  const letterOf = (value: Buffer) => kafkaRecord({ value });

  test('of 1 MB is shown by its beginning', async () => {
    const text = 'x'.repeat(1024 * 1024);
    const shown = await showValue(payments, letterOf(Buffer.from(text)), 'raw');
    expect(shown).toMatchObject({ view: 'raw', isCut: true });
    expect(shown!.text).toBe(text.slice(0, 64 * 1024));
    const json = Buffer.from(JSON.stringify({ id: text }));
    expect(await showValue(payments, letterOf(json), 'decoded')).toMatchObject({ isCut: true });
  });

  test('that is no text is shown in hexadecimal, whatever is asked for', async () => {
    for (const bytes of [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from('a\u0000b')]) {
      for (const view of ['decoded', 'raw', 'hex'] as const) {
        const shown = await showValue(payments, letterOf(bytes), view);
        expect(shown).toMatchObject({ view: 'hex', isCut: false });
        expect(shown!.text).toMatch(/^00000000 {2}/);
      }
    }
  });

  test('that the stream can not read is shown as text, with the reason', async () => {
    const shown = await showValue(payments, letterOf(Buffer.from('{"no":1}')), 'decoded');
    expect(shown).toMatchObject({ view: 'raw', text: '{"no":1}' });
    expect(shown!.note).toMatch(/^The stream can not read the value: /);
  });

  test('that the stream reads is shown as the stream reads it', async () => {
    const shown = await showValue(payments, letterOf(Buffer.from('{"id":"a","b":1}')), 'decoded');
    expect(shown).toEqual({ view: 'decoded', text: '{\n  "id": "a"\n}', isCut: false, note: null });
  });

  test('whose numbers have more digits than the stream reads is shown with a note', async () => {
    const letter = letterOf(Buffer.from('{"id":"a","b":9007199254740993}'));
    const shown = await showValue(payments, letter, 'decoded');
    expect(shown!.note).toContain('such as 9007199254740993');
    const own = { ...payments, decode: (bytes: Buffer): unknown => JSON.parse(bytes.toString()) };
    expect(await showValue(own, letter, 'decoded')).toMatchObject({ view: 'decoded', note: null });
  });

  test('that begins with line feeds keeps them, though HTML drops the first', () => {
    const [path, model, input] = MODELS.find(([one]) => one.endsWith('/:offset'))!;
    const value = { view: 'raw', text: '\n\na', isCut: false, note: null };
    const html = document(screen(path).view({ ...model, value }, page, input) as ComponentChild);
    expect(html).toContain('aria-label="Value of the record">\n\n\na</pre>');
  });

  test('that does not exist is not shown', async () => {
    expect(await showValue(payments, kafkaRecord({ value: null }), 'raw')).toBeNull();
  });
});

test('the way of a stream names as many letters as its list has, whatever the offsets of the topic say', () => {
  const letters = { open: 16, held: 0, replayed: 0, delivered: 0, superseded: 0, discarded: 2 };
  const shown = { ...stream, letters, status: { ...status, deadLetters: 21 } };
  const view = screen('/').view({ streams: [shown], notices }, page, {}) as ComponentChild;
  expect(document(view)).toContain('18 letters');
  expect(document(view)).not.toContain('21 records');
});
