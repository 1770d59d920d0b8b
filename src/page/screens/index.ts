import { audit } from './audit';
import { deadLetter } from './dead-letter';
import { deadLetters } from './dead-letters';
import { overview } from './overview';
import { replay } from './replay';
import { replays } from './replays';
import type { Screen } from './screen';
import { stream } from './stream';
import { trace, traceOfMessage } from './trace';
import { waiting } from './waiting';

/** A screen of any input and model. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each screen reads only what its own parts have made
export type AnyScreen = Screen<any, any>;

/** Every screen of the page. */
export const SCREENS: AnyScreen[] = [
  overview,
  stream,
  deadLetters,
  deadLetter,
  waiting,
  trace,
  traceOfMessage,
  replays,
  replay,
  audit,
];
