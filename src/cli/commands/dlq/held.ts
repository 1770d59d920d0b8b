import { errorMessage } from '../../../domain/errors';
import type { AnyStream } from '../../../domain/stream/stream';
import type { IsHeld } from '../../../operations/dead-letters/dead-letters-list';
import { canHold, heldLetters } from '../../../operations/status/held-letters';
import type { Settings } from '../../../settings/config';
import { createLogger } from '../../../telemetry/logger';
import { installTemporalRuntime } from '../../../temporal/runtime';
import { connectTemporal } from '../../../temporal/temporal';
import { say } from '../../output/output';

/** Which letters hold keys. Only Temporal knows. Without it the letters are listed all the same, as open ones. */
export async function heldIfKnown(
  settings: Settings,
  streams: AnyStream[],
): Promise<IsHeld | undefined> {
  if (!canHold(streams)) return undefined;
  installTemporalRuntime(createLogger('error'));
  try {
    const temporal = await connectTemporal(settings.temporal);
    try {
      return await heldLetters(temporal.client, streams);
    } finally {
      await temporal.close();
    }
  } catch (error) {
    say(`letters that hold keys are shown as open: ${errorMessage(error)}`);
    return undefined;
  }
}
