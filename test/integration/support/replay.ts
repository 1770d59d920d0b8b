import type { AnyStream } from '../../../src/domain/stream/stream';
import type { ReplayFilters, ReplayRequest } from '../../../src/domain/stream/replay';
import { statesOf } from '../../../src/operations/dead-letters/letter-states';
import { replayLetters } from '../../../src/operations/replay/replay';
import type { LetterResult } from '../../../src/operations/replay/replay-journal';
import { planReplay } from '../../../src/operations/replay/replay-plan';
import { resultsOf } from '../../../src/operations/replay/replay-results';
import { topicRanges } from '../../../src/operations/topic/read-topic';
import type { World } from './world';

/** What a test asks of a replay. */
export interface ReplayOptions {
  filters?: ReplayFilters;
  maxReplays?: number;
  wait?: boolean;
  /** The replay's id. Default: a new one. */
  replay?: string;
}

let replays = 0;

export async function replayRequest(
  world: World,
  stream: AnyStream,
  { filters = {}, maxReplays = 3, wait = true, replay = `replay-${replays++}` }: ReplayOptions = {},
): Promise<ReplayRequest> {
  const { name, deadLetterTopic } = stream;
  const ranges = (await topicRanges(world.kafka(), deadLetterTopic))!;
  const at = new Date().toISOString();
  const asked = { stream: name, replay, by: 'test@here', at };
  return { ...asked, deadLetterTopic, ranges, filters, maxReplays, wait };
}

/** Replays as the activity of a worker does, in this process. */
export async function replayHere(
  world: World,
  stream: AnyStream,
  options: ReplayOptions = {},
): Promise<LetterResult[]> {
  const { client } = await world.temporal();
  const kafka = world.kafka();
  const request = await replayRequest(world, stream, options);
  const states = await statesOf(kafka, stream);
  const plan = await planReplay(kafka, client, stream, { ...request, states });
  const { signal } = new AbortController();
  const nothing = () => undefined;
  const tools = { kafka, client, stream, signal, isStopped: () => false, onProgress: nothing };
  await replayLetters(tools, request);
  return resultsOf(plan, await statesOf(kafka, stream), request.replay).results;
}

/** {@link replayHere} for all that is run or sent: message id, outcome and end of each. */
export async function replay(
  world: World,
  stream: AnyStream,
  filters: ReplayFilters = {},
): Promise<string[]> {
  return (await replayHere(world, stream, { filters }))
    .filter(({ outcome }) => outcome !== 'superseded' && outcome !== 'refused')
    .map(({ letter, outcome, end }) => `${letter.messageId} ${outcome} ${end}`);
}
