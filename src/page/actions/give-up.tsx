import { z } from 'zod';
import { describePosition } from '../../domain/record/record';
import { giveUp as giveUpAction } from '../../operations/actions/actions';
import { keyHeldBy } from '../../operations/give-up';
import { letterNumber } from '../screens/dead-letter';
import { Ask, ReasonInput } from '../views/ask';
import { defineAction, reasonField, streamOf } from './action';

/** Lets a held key continue without its first dead record. */
export const giveUp = defineAction({
  path: '/streams/:name/give-up',
  action: 'giveUp',
  input: z.object({ name: z.string(), partition: letterNumber, offset: letterNumber }),
  title: ({ name, partition, offset }) => `Give up record ${partition}@${offset} of ${name}?`,
  async load(data, { name, partition, offset }) {
    const stream = data.stream(name);
    if (!stream) return undefined;
    const record = { topic: stream.topic, partition, offset };
    await data.askNow((client) => keyHeldBy(client, stream, record));
    return { record: describePosition(record), notices: [] };
  },
  view: ({ record }, page, { name }) => (
    <Ask
      page={page}
      button="Give the record up"
      back={page.links.to('/dead-letters', { stream: name, status: 'held' })}
    >
      <p>
        Records of its key wait behind {record}. They then go on without it. The record stays a dead
        letter.
      </p>
      <ReasonInput />
    </Ask>
  ),
  form: z.strictObject({ reason: reasonField(500) }),
  async run({ data, links, actorOf }, { name, partition, offset }, { reason }) {
    const stream = streamOf(data, name);
    const record = { topic: stream.topic, partition, offset };
    const next = await data.askNow((client) =>
      giveUpAction(actorOf(stream), client, record, reason),
    );
    const text = next
      ? `Its key waits for ${describePosition(next)} now.`
      : 'Its key is no longer held.';
    return {
      text,
      to: links.to('/dead-letters', { stream: name }),
      result: { stream: name, givenUp: record, next },
    };
  },
});
