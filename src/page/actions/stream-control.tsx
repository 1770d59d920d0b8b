import { z } from 'zod';
import { MAX_REASON, PAUSE } from '../../domain/stream/pause';
import { ProblemError } from '../../http/problem';
import { pause as pauseAction, resume as resumeAction } from '../../operations/actions/actions';
import { heldBack } from '../../operations/resume';
import { Ask, ReasonInput } from '../views/ask';
import { defineAction, reasonField, streamOf } from './action';

const input = z.object({ name: z.string() });

/** Pauses a stream in all its processes. */
export const pause = defineAction({
  path: '/streams/:name/pause',
  action: 'pause',
  input,
  title: ({ name }) => `Pause stream ${name}?`,
  load: (data, { name }) => Promise.resolve(data.stream(name) && { stream: name, notices: [] }),
  view: (_, page, { name }) => (
    <Ask page={page} button="Pause the stream" back={page.links.stream(name)}>
      <p>
        Nothing more of the stream is started, in all its processes, until somebody resumes it.
        Workflows that run go on.
      </p>
      <ReasonInput />
    </Ask>
  ),
  form: z.strictObject({ reason: reasonField(MAX_REASON) }),
  async run({ data, links, actorOf }, { name }, { reason }) {
    const stream = streamOf(data, name);
    const paused = await data.askNow((client) => pauseAction(actorOf(stream), client, reason));
    return {
      text: `${name} is ${PAUSE.describe(paused)}.`,
      to: links.stream(name),
      result: paused,
    };
  },
});

/** Ends the pause and the brake of a stream. */
export const resume = defineAction({
  path: '/streams/:name/resume',
  action: 'resume',
  input,
  title: ({ name }) => `Resume stream ${name}?`,
  async load(data, { name }) {
    const stream = data.stream(name);
    if (!stream) return undefined;
    const [held] = await data.askNow((client) => heldBack(client, [stream]));
    const { paused, braked } = held!;
    return { stream: name, paused, braked, notices: [] };
  },
  view({ paused, braked }, page, { name }) {
    if (!paused && !braked) {
      return (
        <p class="good">
          The stream is neither paused nor braked.{' '}
          <a href={page.links.stream(name)}>Back to the stream</a>
        </p>
      );
    }
    const what = [paused && 'paused', braked && 'braked'].filter(Boolean).join(' and ');
    return (
      <Ask page={page} button="Resume the stream" back={page.links.stream(name)}>
        <p>The stream is {what}. It then goes on in all its processes.</p>
      </Ask>
    );
  },
  form: z.strictObject({}),
  async run({ data, links, actorOf }, { name }) {
    const stream = streamOf(data, name);
    const [held] = await data.askNow((client) => heldBack(client, [stream]));
    const { paused, braked } = held!;
    if (!paused && !braked) {
      throw new ProblemError(409, `Stream ${name} is neither paused nor braked.`);
    }
    const outcome = await data.askNow((client) =>
      resumeAction(actorOf(stream), client, { paused, braked }),
    );
    const text =
      outcome === 'resumed'
        ? `${name} continues.`
        : `${name} continues as soon as a bridge worker or a worker of it runs.`;
    return { text, to: links.stream(name), result: { stream: name, outcome } };
  },
});
