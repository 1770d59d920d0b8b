import type { JSX } from 'preact';
import type { DeadLetterEntry } from '../../operations/dead-letters/dead-letters';
import type { LetterStatus } from '../../operations/dead-letters/letter-states';
import type { PageContext } from './context';

/** What a person can do with a letter, here and in a terminal. */
export function Acts(shown: {
  letter: DeadLetterEntry;
  status: LetterStatus | null;
  page: PageContext;
  stream: string;
}): JSX.Element {
  return (
    <section aria-labelledby="do">
      <h2 id="do">What you can do</h2>
      <Choices {...shown} />
    </section>
  );
}

function Choices({
  letter,
  status,
  page: { links, readOnly },
  stream,
}: Parameters<typeof Acts>[0]): JSX.Element {
  const { partition, offset } = letter.deadLetter;
  const place = `${partition}:${offset}`;
  const command = (verb: string, rest: string) => (
    <p>
      <code>{`cloudsync dlq ${verb} ${place} --stream ${stream} ${rest}`}</code>
    </p>
  );
  const button = (verb: 'replay' | 'discard' | 'reopen', text: string) =>
    !readOnly && (
      <a class="button" href={links.act(stream, verb, { place })}>
        {text}
      </a>
    );
  switch (status) {
    case 'delivered':
      return <p class="good">Nothing: the record is delivered.</p>;
    case 'superseded':
      return (
        <p>
          Nothing here: a later letter of the record counts.{' '}
          <TraceLink letter={letter} to={links} />
        </p>
      );
    case 'replayed':
      return (
        <p>
          Wait: the record was replayed, and nobody has waited for its end.{' '}
          <TraceLink letter={letter} to={links} />
        </p>
      );
    case 'discarded':
      return (
        <>
          <p class="acts">{button('reopen', 'Open the letter again')}</p>
          <p>No replay takes a discarded letter. The same in a terminal:</p>
          {command('discard', '--undo')}
        </>
      );
    case 'open':
    case 'held':
    case null:
      return (
        <>
          <p class="acts">
            {button('replay', 'Replay the letter')} {button('discard', 'Discard the letter')}{' '}
            {status === 'held' && !readOnly && (
              <a class="button" href={links.act(stream, 'give-up', sourceOf(letter))}>
                Let its key go on without it
              </a>
            )}
          </p>
          <p>
            Mend the cause, then replay the letter. If the record shall not be delivered, discard
            the letter. The same in a terminal:
          </p>
          {command('replay', '--dry-run')}
          {command('discard', '--reason TEXT')}
        </>
      );
  }
}

function TraceLink({
  letter: { messageId },
  to,
}: {
  letter: DeadLetterEntry;
  to: PageContext['links'];
}) {
  if (messageId === null) return null;
  return <a href={to.trace(messageId)}>Its trace</a>;
}

function sourceOf({ partition, offset }: DeadLetterEntry): Record<string, string> {
  return { partition: String(partition), offset: String(offset) };
}
