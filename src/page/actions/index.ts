import type { Action } from './action';
import { giveUp } from './give-up';
import { replay } from './replay';
import { resumeReplay, stopReplay } from './replay-control';
import { discard, reopen } from './settle';
import { pause, resume } from './stream-control';

/** An action of any input, model and form. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each action reads only what its own parts have made
export type AnyAction = Action<any, any, any>;

/** Everything that people can do on the page. */
export const ACTIONS: AnyAction[] = [
  pause,
  resume,
  replay,
  stopReplay,
  resumeReplay,
  discard,
  reopen,
  giveUp,
];
