import type { Settings } from '../index';
import { awsStream } from './aws';
import { azureStream } from './azure';

/** The reference application: one topic to two clouds, each in a group of its own. */
export default (settings: Settings) => [awsStream(settings), azureStream(settings)];
