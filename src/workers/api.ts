import { exitWith } from '../cli/options/exit';
import { runService } from '../cli/services/run-service';
import { createApi } from '../processes/create-api';

/** Runs the HTTP producer as a process of its own. Arguments: names of streams; default all. */
runService({ stream: process.argv.slice(2) }, createApi, 'api').catch(exitWith);
