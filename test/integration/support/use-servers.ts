/**
 * The servers of this Jest worker, where the settings of every test look for them. A child process gets
 * them by `env: process.env`: what it inherits otherwise is not the environment of the test.
 */
const all = JSON.parse(process.env.TEST_SERVERS!) as { kafka: string; temporal: string }[];
const { kafka, temporal } = all[Number(process.env.JEST_WORKER_ID) - 1]!;
process.env.KAFKA_BROKERS = kafka;
process.env.TEMPORAL_ADDRESS = temporal;
