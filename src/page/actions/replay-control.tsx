import { z } from 'zod';
import { ProblemError } from '../../http/problem';
import { beginReplay, endReplay } from '../../operations/actions/actions';
import { runningReplay } from '../../operations/replay/replay-start';
import { resumedReplay } from '../../operations/replay/replay-request';
import type { ListedReplay } from '../../operations/replay/replay-list';
import type { PageData } from '../data/page-data';
import { Ask } from '../views/ask';
import { defineAction, streamOf } from './action';

const input = z.object({ id: z.string().max(200) });

/** Stops a replay after the records under way. */
export const stopReplay = defineAction({
  path: '/replays/:id/stop',
  action: 'replay',
  input,
  title: ({ id }) => `Stop replay ${id}?`,
  load: loadReplay,
  view: ({ replay: { replay, progress } }, page) => (
    <Ask page={page} button="Stop the replay" back={page.links.replay(replay)}>
      <p>
        The replay ends after the records under way
        {progress && `; ${progress.done} of ${progress.total ?? '?'} letters have had their turn`}.
        It can be resumed later.
      </p>
    </Ask>
  ),
  form: z.strictObject({}),
  async run({ data, links, actorOf }, { id }) {
    const { replay } = await requireReplay(data, id);
    const stream = streamOf(data, replay.stream);
    const stopped = await data.askNow(async (client) => {
      const running = await runningReplay(client, stream);
      if (running?.replay !== id) {
        throw new ProblemError(409, `Replay ${id} does not run any more: look at it again.`);
      }
      return endReplay(actorOf(stream), client, running);
    });
    const text = stopped
      ? `Replay ${id} ends after the records under way.`
      : `Replay ${id} had ended already.`;
    return { text, to: links.replay(id), result: { stream: stream.name, replay: id, stopped } };
  },
});

/** Goes on with a replay that was stopped. */
export const resumeReplay = defineAction({
  path: '/replays/:id/resume',
  action: 'replay',
  input,
  title: ({ id }) => `Resume replay ${id}?`,
  load: loadReplay,
  view: ({ replay: { replay } }, page) => (
    <Ask page={page} button="Resume the replay" back={page.links.replay(replay)}>
      <p>It goes on with the letters that have not had their turn, by the same filters.</p>
    </Ask>
  ),
  form: z.strictObject({}),
  async run({ data, links, actorOf }, { id }) {
    const { replay } = await requireReplay(data, id);
    const stream = streamOf(data, replay.stream);
    if (replay.state !== 'stopped') {
      throw new ProblemError(409, `Replay ${id} was not stopped: it is ${replay.state}.`);
    }
    const before = (await data.letters(stream)).indexer.log.replays.get(id)?.request;
    if (!before) throw new ProblemError(404, `There is no replay ${id} on the state topic.`);
    const actor = actorOf(stream);
    const request = resumedReplay(before, { by: actor.by });
    await data.askNow((client) => beginReplay(actor, client, request, true));
    return {
      text: `Replay ${id} goes on.`,
      to: links.replay(id),
      result: { stream: stream.name, replay: id },
    };
  },
});

async function loadReplay(data: PageData, { id }: z.output<typeof input>) {
  const replay = await findReplay(data, id);
  return replay && { replay, notices: [] };
}

async function requireReplay(data: PageData, id: string): Promise<{ replay: ListedReplay }> {
  const replay = await findReplay(data, id);
  if (!replay) throw new ProblemError(404, `There is no replay ${id}.`);
  return { replay };
}

async function findReplay(data: PageData, id: string): Promise<ListedReplay | undefined> {
  return (await data.replayOf(id))?.replay;
}
