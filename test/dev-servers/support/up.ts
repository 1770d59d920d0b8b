import { up, type UpOptions } from '../../../src/dev-servers';

/** Runs as a process: starts the servers, prints their addresses and ends. */
const options = JSON.parse(process.argv[2] ?? '') as Omit<UpOptions, 'progress'>;

void up({ ...options, progress: (message) => console.error(message) }).then((addresses) =>
  console.log(JSON.stringify(addresses)),
);
