import { DeliveryError } from '../../../../src/domain/errors';
import type { AnyStream } from '../../../../src/domain/stream/stream';
import type { MemorySink } from '../../support/memory-sink';
import { message, type World } from '../../support/world';

const QUICK = { fastAttempts: 1, maximumAttempts: 1, initialIntervalMs: 10 };

/** A stream whose sink a test breaks and mends. */
export interface BrokenStream {
  stream: AnyStream;
  sink: MemorySink;
  state: {
    isBroken: boolean;
    /** What each write to the mended sink waits for. */
    gate?: Promise<void>;
  };
}

/** Makes a stream with these messages. For as long as `isBroken`, its sink refuses those whose ids begin with `bad` or `odd`. */
export async function brokenStream(
  world: World,
  ids: string[],
  options: Parameters<World['stream']>[0] = {},
): Promise<BrokenStream> {
  // All of its records die on purpose.
  const brake = false;
  const made = await world.stream({ partitions: 1, retry: QUICK, brake, ...options });
  const { stream, sink } = made;
  const state: BrokenStream['state'] = { isBroken: true };
  sink.before = async ({ messageId }) => {
    if (!state.isBroken) return state.gate;
    if (messageId.startsWith('bad')) {
      throw new DeliveryError('Permanent', `no account ${messageId}`);
    }
    if (messageId.startsWith('odd')) throw new DeliveryError('Permanent', 'odd one');
  };
  await world.send(
    stream.topic,
    ids.map((id) => message(id)),
  );
  return { stream, sink, state };
}

/** A gate that keeps every record from the sink until it is opened. */
export function closeGate({ state }: BrokenStream): () => void {
  let open: () => void = () => undefined;
  state.gate = new Promise((resolve) => (open = resolve));
  return open;
}
