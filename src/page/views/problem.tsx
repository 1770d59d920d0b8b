import type { JSX } from 'preact';
import type { Problem } from '../data/problems';
import type { PageContext } from './context';
import { Time } from './parts';

/** Something that is wrong now, since when, and what a person can do. */
export function ProblemView({ problem, page }: { problem: Problem; page: PageContext }) {
  const { stream, since, text, advice, command } = problem;
  return (
    <div class="problem">
      <p>
        <a href={page.links.stream(stream)}>{stream}</a>: {text}
        {since !== null && (
          <>
            {' '}
            Since <Time at={since} />.
          </>
        )}
      </p>
      <p>
        {advice} <More problem={problem} page={page} />
      </p>
      {command !== null && (
        <p>
          <code>{command}</code>
        </p>
      )}
    </div>
  );
}

function More({ problem, page }: { problem: Problem; page: PageContext }): JSX.Element | null {
  const { kind, stream } = problem;
  if ((kind === 'paused' || kind === 'braked') && !page.readOnly) {
    return (
      <a class="button" href={page.links.act(stream, 'resume')}>
        Resume the stream
      </a>
    );
  }
  if (kind === 'held') {
    return <a href={page.links.to('/dead-letters', { stream, status: 'held' })}>What holds</a>;
  }
  if (kind === 'deadLetters') {
    return <a href={page.links.to('/dead-letters', { stream })}>Its dead letters</a>;
  }
  if (kind === 'retrying' || kind === 'stuck') {
    return <a href={page.links.to('/waiting', { stream })}>What waits</a>;
  }
  return null;
}
