import { Slots } from '../../src/lib/slots';
import { settled } from '../bridge/support/fakes';

test('Slots gives out all slots at once, then freed slots in the order of the callers', async () => {
  const slots = new Slots(2);
  const served: number[] = [];
  for (const asker of [1, 2, 3, 4]) void slots.acquire().then(() => served.push(asker));
  await settled();
  expect(served).toEqual([1, 2]);
  expect(slots.taken).toBe(2);
  slots.release();
  await settled();
  expect(served).toEqual([1, 2, 3]);
  expect(slots.taken).toBe(2);
  for (let i = 0; i < 3; i++) slots.release();
  await settled();
  expect(served).toEqual([1, 2, 3, 4]);
  expect(slots.taken).toBe(0);
});

test('Slots skips a caller that has stopped waiting', async () => {
  const slots = new Slots(1);
  const controller = new AbortController();
  const { signal } = controller;
  await slots.acquire();
  const waiting = slots.acquire(signal);
  const next = slots.acquire();
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  slots.release();
  await next;
  await expect(slots.acquire(signal)).rejects.toMatchObject({ name: 'AbortError' });
  slots.release();
  expect(slots.taken).toBe(0);
});

test('Slots does not give a freed slot to a later caller while another waits', async () => {
  const slots = new Slots(1);
  const served: string[] = [];
  await slots.acquire();
  void slots.acquire().then(() => served.push('waited'));
  slots.release();
  void slots.acquire().then(() => served.push('came later'));
  await settled();
  expect(served).toEqual(['waited']);
});
