/**
 * Sets the variables that name the servers of this Jest worker. A child process needs `env: process.env` to get them,
 * because it does not inherit the environment of the test otherwise.
 */
const all = JSON.parse(process.env.TEST_SERVERS!) as { kafka: string; temporal: string }[];
const { kafka, temporal } = all[Number(process.env.JEST_WORKER_ID) - 1]!;
process.env.KAFKA_BROKERS = kafka;
process.env.TEMPORAL_ADDRESS = temporal;
