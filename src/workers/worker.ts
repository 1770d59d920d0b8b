import { exitWith } from '../cli/options/exit';
import { runService } from '../cli/services/run-service';
import { createWorker } from '../processes/create-worker';

/** Runs a Temporal worker as a process of its own. Arguments: names of streams; default all. */
runService({ stream: process.argv.slice(2) }, createWorker).catch(exitWith);
