import { z } from 'zod';
import { overviewOf } from '../data/overview';
import { Empty, Notices } from '../views/parts';
import { ProblemView } from '../views/problem';
import { Way } from '../views/way';
import { defineScreen } from './screen';

/** What is known of all streams. */
export const overview = defineScreen({
  path: '/',
  refreshes: () => true,
  input: z.object({}),
  title: () => 'Overview',
  async load(data) {
    const streams = await Promise.all(data.streams.map((stream) => overviewOf(data, stream.name)));
    return {
      notices: streams.flatMap(({ notices }) => notices),
      streams: streams.map(({ stream }) => stream),
    };
  },
  view({ streams, notices }, page) {
    const problems = streams.flatMap((one) => one.problems);
    const isKnown = streams.every(({ status }) => status !== null);
    return (
      <>
        <Notices notices={notices} />
        <section aria-labelledby="wrong">
          <h2 id="wrong">What is wrong now</h2>
          {problems.map((problem) => (
            <ProblemView problem={problem} page={page} />
          ))}
          {(problems.length === 0 || !isKnown) && (
            <p class={isKnown ? 'good' : 'quiet'}>
              {isKnown ? 'Nothing.' : 'More is not known: see the notices.'}
            </p>
          )}
        </section>
        <section aria-labelledby="streams">
          <h2 id="streams">Streams</h2>
          {streams.length === 0 && (
            <Empty>
              The page has no streams. Name the module that exports them:{' '}
              <code>--streams FILE</code>.
            </Empty>
          )}
          {streams.map((stream) => (
            <Way stream={stream} page={page} />
          ))}
        </section>
      </>
    );
  },
});
