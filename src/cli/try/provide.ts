import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import type { LocalAddresses } from '../../dev-servers';
import { errorMessage } from '../../domain/errors';
import { TRY_FOLDER } from '../../reference/try/try-stream';
import { environment } from '../../settings/config';
import {
  addressesAsEnvironment,
  localPlan,
  localServers,
  writeLocalEnvironment,
} from '../dev/dev-up';
import { say } from '../output/output';

/** Throws if the working directory takes no files. */
export async function requireWritable(): Promise<void> {
  try {
    await mkdir(TRY_FOLDER).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    // The slash refuses a file of that name.
    await access(`${TRY_FOLDER}/`, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(
      `can't write into ${TRY_FOLDER} of the working directory: ${errorMessage(error)}. Run it in a folder in which you may write`,
      { cause: error },
    );
  }
}

/** Brings servers up as `dev up` does. Says first which servers are started, and how long the start takes. */
export async function provideServers(): Promise<LocalAddresses> {
  const plan = await localPlan();
  say('CloudSync stands on Kafka and Temporal. What is missing is provided on this machine:');
  for (const { server, how } of plan) say(`  ${server} ${how}`);
  const seconds = Math.max(...plan.map((one) => one.seconds));
  if (seconds > 0) say(`This takes about ${duration(seconds)}.`);
  say('');
  const addresses = await localServers();
  const local = addressesAsEnvironment(addresses);
  const known = environment();
  // A file that leads to the same servers stays, because it may name the local clouds, too.
  if (Object.entries(local).some(([variable, value]) => known[variable] !== value)) {
    await writeLocalEnvironment(local);
  }
  return addresses;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
}
