import { z } from 'zod';
import { decodeBytes, type EncodedBytes } from '../../domain/record/encoded-bytes';
import { hexDump } from '../../lib/hex-dump';
import { looksBinary } from '../../lib/unprintable';
import { showLetter, type ShownLetter } from '../data/letter';
import { VALUE_VIEWS, type ValueView } from '../data/value';
import type { PageContext } from '../views/context';
import { Acts } from '../views/letter-acts';
import { Facts, Notices, Table, Time } from '../views/parts';
import { RunLink } from '../views/run-link';
import { defineScreen, one } from './screen';

const number = (most: number) => z.coerce.number<string>().int().min(0).max(most);
/** A partition or an offset in an address. */
export const letterNumber = number(Number.MAX_SAFE_INTEGER);
/** Where a letter lies, in the address of its screen. */
export const letterPlace = z.object({
  stream: z.string(),
  partition: number(999_999_999),
  offset: letterNumber,
});

/** One dead letter: why it failed, its record, and its value if that is asked for. */
export const deadLetter = defineScreen({
  path: '/dead-letters/:stream/:partition/:offset',
  input: letterPlace.extend({ value: one.pipe(z.enum(VALUE_VIEWS).optional()) }),
  action: (input) => (input?.value === undefined ? 'view' : 'viewValue'),
  title: ({ stream, partition, offset }) => `Dead letter ${partition}:${offset} of ${stream}`,
  load: (data, { value, ...place }) => showLetter(data, place, value),
  view(shown, page, { stream, partition, offset }) {
    const { letter, status, isRepeat, discarded, timestamp, notices } = shown;
    return (
      <>
        <Notices notices={notices} />
        <Facts
          facts={[
            ['status', isRepeat ? 'repeated' : (status ?? 'not known yet')],
            ['discarded by', discarded && `${discarded.by}: ${discarded.reason ?? 'no reason'}`],
            ['discarded', discarded && <Time at={discarded.at} />],
            ['error', letter.errorType],
            ['error message', letter.errorMessage],
            ['attempts', letter.attempts],
            ['failed', <Time at={letter.failedAt} />],
            ['message id', <MessageId shown={shown} page={page} />],
            ['raw id', letter.rawId],
            ['record', recordOf(shown)],
            ['timestamp', timestamp && <Time at={timestamp} />],
            ['sent back', letter.replays > 0 ? `${letter.replays} times` : null],
            ['sent back from', letter.replayOf],
            ['workflow', <RunLink run={letter} page={page} />],
            ['run', letter.runId],
          ]}
        />
        {isRepeat ? (
          <p class="notice">
            An earlier letter of the same run counts in place of this one: a worker that was killed
            had written it already. <a href={allLetters(page, shown)}>The letters of its stream</a>
          </p>
        ) : (
          <Acts letter={letter} status={status} page={page} stream={stream} />
        )}
        <Record shown={shown} />
        <Value shown={shown} page={page} place={{ stream, partition, offset }} />
      </>
    );
  },
});

function allLetters({ links }: PageContext, { letter }: ShownLetter): string {
  return links.to('/dead-letters', {
    stream: letter.stream,
    status: 'all',
    q: letter.messageId ?? '',
  });
}

function recordOf({ letter: { topic, partition, offset } }: ShownLetter): string | null {
  return topic === null ? null : `${topic}/${partition}@${offset}`;
}

function MessageId({ shown: { letter }, page }: { shown: ShownLetter; page: PageContext }) {
  const { messageId } = letter;
  if (messageId === null) return <span class="quiet">none: the record is no message</span>;
  return <a href={page.links.trace(messageId)}>{messageId}</a>;
}

function Record({ shown: { key, headers } }: { shown: ShownLetter }) {
  return (
    <section aria-labelledby="record">
      <h2 id="record">Record</h2>
      <h3>Key</h3>
      <Bytes bytes={key} />
      <h3>Headers</h3>
      {headers.length === 0 ? (
        <p class="quiet">The record has no headers.</p>
      ) : (
        <Table
          caption="Headers of the record as it lay on its topic"
          rows={headers}
          columns={[
            { head: 'Name', cell: ([name]) => name },
            { head: 'Value', cell: ([, value]) => <Bytes bytes={value} /> },
          ]}
        />
      )}
    </section>
  );
}

/** A longer header or key is cut: the value is what a person looks for. */
const MAX_TEXT = 4_096;

function Bytes({ bytes }: { bytes: EncodedBytes | null }) {
  if (bytes === null) return <span class="quiet">none</span>;
  if (typeof bytes === 'string' && !looksBinary(bytes)) {
    return <code>{bytes.length > MAX_TEXT ? `${bytes.slice(0, MAX_TEXT)}…` : bytes}</code>;
  }
  return <pre tabIndex={0}>{hexDump(decodeBytes(bytes), 'the JSON of this screen has them')}</pre>;
}

const VIEW_NAMES: { [View in ValueView]: string } = {
  decoded: 'As the stream reads it',
  raw: 'Raw text',
  hex: 'Hexadecimal',
};

function Value({
  shown: { value, valueBytes },
  page: { links },
  place,
}: {
  shown: ShownLetter;
  page: PageContext;
  place: { stream: string; partition: number; offset: number };
}) {
  const address = links.deadLetter(place.stream, place);
  const to = (view: ValueView) => `${address}?value=${view}`;
  return (
    <section id="value" aria-labelledby="value-title" aria-live="polite">
      <h2 id="value-title">Value</h2>
      {valueBytes === null ? (
        <p class="quiet">The record has no value.</p>
      ) : (
        <>
          <p>
            {valueBytes} bytes{value === null ? ', hidden until you ask for them' : ''}.
          </p>
          <ul class="tabs" aria-label="Ways to show the value">
            {VALUE_VIEWS.map((view) => (
              <li>
                <a
                  // htmx gives the focus back to the link of this id.
                  id={`value-${view}`}
                  href={to(view)}
                  hx-get={to(view)}
                  hx-target="#value"
                  hx-select="#value"
                  hx-swap="outerHTML"
                  aria-current={view === value?.view ? 'true' : undefined}
                >
                  {VIEW_NAMES[view]}
                </a>
              </li>
            ))}
            <li>
              <a href={`${address}/value`} download>
                Download
              </a>
            </li>
          </ul>
          {value !== null && (
            <>
              {value.note !== null && <p class="notice">{value.note}</p>}
              <pre tabIndex={0} aria-label="Value of the record">
                {/* HTML drops a line feed at the begin of this element, so the value's own must not be the first. */}
                {`\n${value.text}`}
              </pre>
              {value.isCut && <p class="quiet">This is the beginning. The download has it all.</p>}
            </>
          )}
        </>
      )}
    </section>
  );
}
