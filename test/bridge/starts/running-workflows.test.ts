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

/** Registers a start; collects what its promises resolve with after the acknowledgement. */
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

/** Lets promises that are resolved call their handlers. */
const handled = () => jest.advanceTimersByTimeAsync(0);

test('one that is watched is asked for at once, and told once', async () => {
  create(() => Promise.resolve({ status: { name: 'COMPLETED' } }));
  let ended = 0;
  void open.whenEnded('a').then(() => ended++);
  await jest.advanceTimersByTimeAsync(1_000);
  expect([asked, ended, open.size]).toEqual([['a'], 1, 0]);
  open.ended('a', 'delivered');
  await handled();
  expect(ended).toBe(1);
});

test('one that is watched and runs is asked for again, unless it tells its end', async () => {
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

  test('the one that is open for the longest time is told, by partition', () => {
    const [first, second] = [add('a', { partition: 1, offset: 7 }), add('b')];
    const oldest = (partition?: number) =>
      open.oldest((memo) => partition === undefined || memo.partition === partition)?.workflowId;
    // Nobody knows yet whether they are.
    expect(oldest()).toBeUndefined();
    for (const { entry } of [first, second]) entry.acknowledge(true);
    expect([oldest(), oldest(0), oldest(2)]).toEqual(['a', 'b', undefined]);
    open.ended('a', 'delivered');
    expect(oldest()).toBe('b');
  });

  test('is handed over once, closed once, and then forgotten', async () => {
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

  test('one that ends in its first task is only closed', async () => {
    const { entry, events } = add('a');
    entry.acknowledge(true);
    open.ended('a', 'duplicate');
    await handled();
    expect(events).toEqual(['duplicate']);
  });

  test('an end that comes before the acknowledgement waits for it', async () => {
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

  test('what is heard of an id that is held by another record is not passed on', async () => {
    const { entry, events } = add('a');
    open.ended('a', 'delivered');
    entry.remove();
    entry.remove();
    await handled();
    expect(events).toEqual([]);
    expect(open.size).toBe(0);
  });

  test('a second record under the id neither hides nor removes the first', async () => {
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

  test('workflows that are not known are none of its business', () => {
    open.firstTaskOver('b');
    open.ended('b', 'failed');
    expect(open.size).toBe(0);
  });
});

describe('a workflow that another worker took over', () => {
  test.each([
    ['COMPLETED', 'delivered'],
    ['FAILED', 'failed'],
    ['TERMINATED', 'failed'],
    ['CANCELLED', 'failed'],
  ])('is asked for after a while; %s ends it as %s', async (name, outcome) => {
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

  test('frees its first task and is asked for ever more rarely while it runs', async () => {
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

  test('is gone when the server does not know it any more', async () => {
    create((id) => Promise.reject(new WorkflowNotFoundError('gone', id, undefined)));
    const { entry, events } = add('a');
    entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(20_000);
    await handled();
    expect(events).toEqual(['first task over', 'failed']);
  });

  test('stays open while the server can not be asked, and the next one has its turn', async () => {
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

  test('is asked for one at a time', async () => {
    let answer: (description: { status: { name: string } }) => void = () => undefined;
    create(() => new Promise((resolve) => (answer = resolve)));
    for (const id of ['a', 'b']) add(id).entry.acknowledge(true);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(['a']);
    answer({ status: { name: 'COMPLETED' } });
    await jest.advanceTimersByTimeAsync(0);
    expect(asked).toEqual(['a', 'b']);
  });

  test('is not asked for before its start is acknowledged', async () => {
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

  test('is not asked for after a stop', async () => {
    create();
    add('a').entry.acknowledge(true);
    open.stop();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
  });
});
