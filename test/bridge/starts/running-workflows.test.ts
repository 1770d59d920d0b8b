import { WorkflowNotFoundError } from '@temporalio/client';
import { RunningWorkflows } from '../../../src/bridge/starts/running-workflows';
import { fakeClient, keepingLogger, serviceError } from '../support/fakes';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  open.stop();
  jest.useRealTimers();
});

let open: RunningWorkflows;
let asked: string[];

function create(describe: (id: string) => Promise<{ status: { name: string } }> = running) {
  asked = [];
  const client = fakeClient({
    describe: (id) => {
      asked.push(id);
      return describe(id);
    },
  });
  open = new RunningWorkflows(client, keepingLogger().logger);
}

const running = () => Promise.resolve({ status: { name: 'RUNNING' } });

/** Registers a start. `events` collects what its promises resolve with after the acknowledgement. */
function add(workflowId: string, memo = { partition: 0, offset: 0 }) {
  const events: string[] = [];
  const registration = open.register(workflowId, memo);
  const entry = {
    acknowledge(here: boolean) {
      const { firstTaskOver, ended } = registration.acknowledge(here);
      void firstTaskOver.then((isRunning) => isRunning && events.push('first task over'));
      void ended.then((outcome) => events.push(outcome));
    },
    remove: () => registration.remove(),
  };
  return { entry, events };
}

/** Waits until resolved promises have called their handlers. */
const handled = () => jest.advanceTimersByTimeAsync(0);

test('whenEnded looks the workflow up at once, and resolves once when it has ended', async () => {
  create(() => Promise.resolve({ status: { name: 'COMPLETED' } }));
  let ended = 0;
  void open.whenEnded('a').then(() => ended++);
  await jest.advanceTimersByTimeAsync(1_000);
  expect([asked, ended, open.size]).toEqual([['a'], 1, 0]);
  open.ended('a', 'delivered');
  await handled();
  expect(ended).toBe(1);
});

test('whenEnded looks a running workflow up again, and resolves when its end is reported', async () => {
  create();
  let ended = 0;
  void open.whenEnded('a').then(() => ended++);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(asked.length).toBeGreaterThan(1);
  open.firstTaskOver('a');
  await handled();
  expect(ended).toBe(0);
  open.ended('a', 'failed');
  await handled();
  expect(ended).toBe(1);
});

describe('a workflow in this process', () => {
  beforeEach(() => create());

  test('is named by oldest if it has been open longest, in all partitions or in one', () => {
    const [first, second] = [add('a', { partition: 1, offset: 7 }), add('b')];
    const oldest = (partition?: number) =>
      open.oldest((memo) => partition === undefined || memo.partition === partition)?.workflowId;
    // Before the acknowledgement it is not known whether the workflows run.
    expect(oldest()).toBeUndefined();
    for (const { entry } of [first, second]) entry.acknowledge(true);
    expect([oldest(), oldest(0), oldest(2)]).toEqual(['a', 'b', undefined]);
    open.ended('a', 'delivered');
    expect(oldest()).toBe('b');
  });

  test('reports the end of its first task once and its own end once, and is then forgotten', async () => {
    const { entry, events } = add('a');
    entry.acknowledge(true);
    expect(open.size).toBe(1);
    open.firstTaskOver('a');
    open.firstTaskOver('a');
    open.ended('a', 'delivered');
    open.ended('a', 'failed');
    open.firstTaskOver('a');
    await handled();
    expect(events).toEqual(['first task over', 'delivered']);
    expect(open.size).toBe(0);
  });

  test('reports only its own end if it ends in its first task', async () => {
    const { entry, events } = add('a');
    entry.acknowledge(true);
    open.ended('a', 'duplicate');
    await handled();
    expect(events).toEqual(['duplicate']);
  });

  test('reports its end only after the acknowledgement if it ends before that', async () => {
    const { entry, events } = add('a');
    open.firstTaskOver('a');
    open.ended('a', 'delivered');
    await handled();
    expect(events).toEqual([]);
    expect(open.size).toBe(1);
    entry.acknowledge(true);
    await handled();
    expect(events).toEqual(['delivered']);
    expect(open.size).toBe(0);
  });

  test('reports nothing after its registration is removed because another record has the id', async () => {
    const { entry, events } = add('a');
    open.ended('a', 'delivered');
    entry.remove();
    entry.remove();
    await handled();
    expect(events).toEqual([]);
    expect(open.size).toBe(0);
  });

  test('is neither hidden nor removed by a second record with the same id', async () => {
    const first = add('a');
    first.entry.acknowledge(true);
    const second = add('a');
    expect(open.size).toBe(2);
    second.entry.remove();
    open.ended('a', 'delivered');
    await handled();
    expect(first.events).toEqual(['delivered']);
    await handled();
    expect(second.events).toEqual([]);
    expect(open.size).toBe(0);
  });

  test('is not registered by events of an unknown workflow', () => {
    open.firstTaskOver('b');
    open.ended('b', 'failed');
    expect(open.size).toBe(0);
  });
});

describe('a workflow that another worker runs', () => {
  test.each([
    ['COMPLETED', 'delivered'],
    ['FAILED', 'failed'],
    ['TERMINATED', 'failed'],
    ['CANCELLED', 'failed'],
  ])('is looked up after a while, and status %s ends it as %s', async (name, outcome) => {
    create(() => Promise.resolve({ status: { name } }));
    const { entry, events } = add('a');
    entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(14_000);
    expect(asked).toEqual([]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(asked).toEqual(['a']);
    await handled();
    expect(events).toEqual(['first task over', outcome]);
    expect(open.size).toBe(0);
  });

  test('counts as past its first task at the first look-up, and is looked up less and less often', async () => {
    create();
    const { entry, events } = add('a');
    entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(10 * 60_000);
    await handled();
    expect(events).toEqual(['first task over']);
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.length).toBeLessThan(15);
    expect(open.size).toBe(1);
  });

  test('counts as failed when the server no longer knows it', async () => {
    create((id) => Promise.reject(new WorkflowNotFoundError('gone', id, undefined)));
    const { entry, events } = add('a');
    entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(20_000);
    await handled();
    expect(events).toEqual(['first task over', 'failed']);
  });

  test('stays open while the server is not reachable, and the next workflow is looked up', async () => {
    create(() => Promise.reject(serviceError(14)));
    const first = add('a');
    const second = add('b');
    first.entry.acknowledge(true);
    second.entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(asked).toEqual(['a', 'b']);
    await handled();
    expect(first.events).toEqual(['first task over']);
    expect(open.size).toBe(2);
  });

  test('is looked up only after the look-up before it was answered', async () => {
    let answer: (description: { status: { name: string } }) => void = () => undefined;
    create(() => new Promise((resolve) => (answer = resolve)));
    for (const id of ['a', 'b']) add(id).entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(['a']);
    answer({ status: { name: 'COMPLETED' } });
    await jest.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(['a', 'b']);
  });

  test('is not looked up before its start is acknowledged', async () => {
    create((id) => Promise.reject(new WorkflowNotFoundError('not yet', id, undefined)));
    const { entry, events } = add('a');
    await jest.advanceTimersByTimeAsync(120_000);
    expect(asked).toEqual([]);
    await handled();
    expect(events).toEqual([]);
    entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual([]);
  });

  test('is not looked up after a stop', async () => {
    create();
    add('a').entry.acknowledge(true);
    open.stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
  });
});
