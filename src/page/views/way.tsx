import type { JSX } from 'preact';
import type { OverviewStream } from '../data/overview';
import type { PageContext } from './context';

/** The way of a stream's records: from the topic over consumers and workflows to the sink, or to the dead letters. */
export function Way({ stream, page }: { stream: OverviewStream; page: PageContext }): JSX.Element {
  const { name, topic, deadLetterTopic, status, lag, problems } = stream;
  return (
    <article aria-labelledby={`stream-${name}`}>
      <h3 id={`stream-${name}`}>
        <a href={page.links.stream(name)}>{name}</a>{' '}
        <span class={problems.length > 0 ? 'bad' : 'quiet'}>{stateOf(stream)}</span>
      </h3>
      <ol class="way">
        <Stop title="Topic" text={topic} number={count(lag, 'behind')} />
        <Stop
          title="Consumers"
          text={status?.groupId ?? ''}
          number={count(status?.consumers.members.length, 'present')}
        />
        <Stop
          title="Workflows"
          text={count(status?.slow.retrying?.count ?? (status ? 0 : undefined), 'retrying')}
          number={count(status?.running, 'running')}
          href={page.links.to('/waiting', { stream: name })}
        />
        <Stop
          title="Sink"
          text={count(status?.retries, 'attempts repeated')}
          number={count(status?.delivered, 'delivered')}
        />
        <Stop
          title="Dead letters"
          text={`${deadLetterTopic}, ${allLetters(stream)}`}
          number={openLetters(stream)}
          href={page.links.to('/dead-letters', { stream: name })}
        />
      </ol>
    </article>
  );
}

function Stop({
  title,
  text,
  number,
  href,
}: {
  title: string;
  text: string;
  number: string;
  href?: string;
}): JSX.Element {
  return (
    <li>
      {href === undefined ? title : <a href={href}>{title}</a>}
      <strong>{number}</strong>
      <span class="quiet">{text}</span>
    </li>
  );
}

function openLetters({ letters }: OverviewStream): string {
  return letters ? count(letters.open, 'open') : 'open: being counted';
}

/** As many as the list has. Offsets count the markers of transactions and the letters of other streams too. */
function allLetters({ letters, status }: OverviewStream): string {
  if (!letters) return count(status?.deadLetters, 'records');
  return count(
    Object.values(letters).reduce((sum, number) => sum + number, 0),
    'letters',
  );
}

function stateOf({ status, problems }: OverviewStream): string {
  if (!status) return 'not known';
  if (status.paused) return 'paused';
  if (status.braked) return 'braked';
  return problems.length > 0 ? 'needs a look' : 'well';
}

function count(number: number | null | undefined, what: string): string {
  return number === null || number === undefined
    ? `${what}: not known`
    : `${number.toLocaleString('en')} ${what}`;
}
