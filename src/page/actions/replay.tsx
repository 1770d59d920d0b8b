import { z } from 'zod';
import { ProblemError } from '../../http/problem';
import { beginReplay } from '../../operations/actions/actions';
import { runningReplay } from '../../operations/replay/replay-start';
import type { ShownPlan } from '../data/plans';
import { Ask, CountInput } from '../views/ask';
import type { PageContext } from '../views/context';
import { describeFilters } from '../views/filters';
import { cut, Empty, Facts, Notices, Table } from '../views/parts';
import { countField, defineAction, requireCount, streamOf } from './action';
import { groupNamesOf } from '../data/groups';
import { chosenInput, filtersOf, type ChosenInput } from './chosen-letters';

const NO_PLAN =
  'The page does not know this plan: its replay has begun already, or the plan is too old. Nothing was done now. The list of replays shows those that have begun.';

/** Replays letters: shows what would be done with each, and does it when the person has typed how many. */
export const replay = defineAction({
  path: '/streams/:name/replay',
  action: 'replay',
  input: chosenInput,
  title: ({ name }) => `Replay dead letters of ${name}`,
  async load(data, input) {
    const stream = data.stream(input.name);
    if (!stream) return undefined;
    const running = await data.askNow((client) => runningReplay(client, stream));
    const plan = await data.plans.of(stream, filtersOf(input), JSON.stringify(input));
    const groupNames = groupNamesOf((await data.letters(stream)).index, plan.filters.groups);
    return { plan, groupNames, running: running?.replay ?? null, notices: plan.notices };
  },
  refreshes: ({ plan }) => plan.making !== null,
  view({ plan, groupNames, running, notices }, page, input) {
    const back = page.links.to('/dead-letters', { stream: input.name });
    return (
      <>
        <p>Chosen: {describeFilters(plan.filters, groupNames)}.</p>
        <Notices notices={notices} />
        {plan.fault !== null && (
          <p class="problem" role="alert">
            There is no plan: {plan.fault}. <a href={page.address}>Try again</a>, or{' '}
            <a href={back}>go back to the dead letters</a>.
          </p>
        )}
        {plan.making !== null && (
          <p class="notice" role="status">
            The plan is being made: {plan.making}. This screen shows it when it is there.
          </p>
        )}
        {plan.fault === null && plan.making === null && (
          <>
            <Plan plan={plan} page={page} />
            {running === null ? (
              <Confirm plan={plan} page={page} back={back} input={input} />
            ) : (
              <p class="notice">
                A stream has one replay at a time, and{' '}
                <a href={page.links.replay(running)}>replay {running}</a> is running. Wait for its
                end, or stop it.
              </p>
            )}
          </>
        )}
      </>
    );
  },
  form: z.strictObject({
    plan: z.string(),
    count: countField.optional(),
    rate: z
      .union([z.literal('').transform(() => undefined), z.coerce.number().int().min(1)])
      .optional(),
    wait: z.union([z.boolean(), z.literal('on').transform(() => true)]).optional(),
  }),
  async run({ data, links, actorOf }, { name }, { plan: id, count, rate, wait }) {
    const stream = streamOf(data, name);
    const plan = data.plans.confirmed(id);
    if (!plan || plan.shown.stream !== name) throw new ProblemError(409, NO_PLAN);
    const { runs, sends } = plan.shown;
    if (runs + sends === 0) throw new ProblemError(400, 'The plan replays nothing.');
    requireCount(count, runs + sends, runs + sends === 1 ? 'is replayed' : 'are replayed');
    if (!data.plans.take(id)) throw new ProblemError(409, NO_PLAN);
    const at = new Date().toISOString();
    const actor = actorOf(stream);
    const request = {
      ...{ ...plan.request, by: actor.by, at },
      ...(rate !== undefined && { rate }),
      ...(wait && { wait }),
    };
    const running = await data.askNow((client) => beginReplay(actor, client, request, false));
    return {
      text: `Replay ${running.replay} has begun.`,
      to: links.replay(running.replay),
      result: { stream: name, replay: running.replay },
    };
  },
});

function Plan({ plan, page: { links } }: { plan: ShownPlan; page: PageContext }) {
  const { runs, sends, refused, letters, stream } = plan;
  return (
    <>
      <Facts
        facts={[
          ['workflows run again', runs],
          ['records sent back to the topic', sends],
          ['letters that stay as they are', refused.reduce((sum, { count }) => sum + count, 0)],
        ]}
      />
      {refused.length > 0 && (
        <Table
          caption="Why letters stay as they are"
          rows={refused.slice(0, 20)}
          columns={[
            { head: 'Letters', cell: ({ count }) => count, isNumber: true },
            { head: 'Reason', cell: ({ reason }) => cut(reason, 300) },
          ]}
        />
      )}
      {letters.length > 0 && (
        <details>
          <summary>
            {letters.length === 1 ? 'The letter' : `The first ${letters.length} letters`}
          </summary>
          <Table
            caption="Letters in the order in which their turn comes"
            rows={letters}
            columns={[
              {
                head: 'Letter',
                cell: (one) => (
                  <a href={links.deadLetter(stream, one)}>
                    {one.partition}:{one.offset}
                  </a>
                ),
              },
              { head: 'Message', cell: ({ messageId }) => cut(messageId ?? '') },
              { head: 'What is done', cell: ({ action }) => ACTIONS[action] },
              { head: 'Why', cell: ({ reason }) => cut(reason ?? '', 300) },
            ]}
          />
        </details>
      )}
    </>
  );
}

const ACTIONS: Record<ShownPlan['letters'][number]['action'], string> = {
  run: 'its workflow runs again',
  send: 'its record is sent back',
  done: 'it is done already',
  refuse: 'nothing',
  superseded: 'nothing',
};

function Confirm({
  plan,
  page,
  back,
  input,
}: {
  plan: ShownPlan;
  page: PageContext;
  back: string;
  input: ChosenInput;
}) {
  const count = plan.runs + plan.sends;
  if (count === 0) {
    return (
      <Empty>
        The plan replays nothing. <a href={back}>Back to the dead letters</a>
      </Empty>
    );
  }
  return (
    <Ask
      page={page}
      button={`Replay ${count === 1 ? 'the letter' : `${count} letters`}`}
      back={back}
    >
      <input type="hidden" name="plan" value={plan.id} />
      <p>
        Is the cause mended? A record that fails again becomes a new dead letter. A worker of{' '}
        {input.name} replays, also if you leave this page.
      </p>
      <CountInput
        count={count}
        what={count === 1 ? 'one letter is replayed' : `${count} letters are replayed`}
      />
      <label>
        Begin at most this many a second (may be empty)
        <input name="rate" inputMode="numeric" pattern="[0-9]*" autoComplete="off" size={8} />
      </label>
      <label class="check">
        <input type="checkbox" name="wait" checked />
        Wait for the end of each record, and keep it
      </label>
    </Ask>
  );
}
