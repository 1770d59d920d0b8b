import type { Settings } from '../../index';
import { awsStream } from './aws';
import { azureStream } from './azure';

const STREAMS = { aws: awsStream, azure: azureStream };

export const REFERENCE_STREAM_NAMES: string[] = Object.keys(STREAMS);

/**
 * The reference application: one topic to two clouds, each with a consumer group of its own. A process that runs
 * one of the streams does not need the settings of the other.
 */
export default (settings: Settings, names = REFERENCE_STREAM_NAMES) =>
  Object.entries(STREAMS)
    .filter(([name]) => names.includes(name))
    .map(([, stream]) => stream(settings));
