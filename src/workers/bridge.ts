import { exitWith } from '../cli/options/exit';
import { runService } from '../cli/services/run-service';
import { createBridgeWorker } from '../processes/create-bridge-worker';

/** Runs a bridge worker as a process of its own. Arguments: names of streams; default all. */
runService({ stream: process.argv.slice(2) }, createBridgeWorker).catch(exitWith);
