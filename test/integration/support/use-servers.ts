/** The servers of this Jest worker, where the settings of every test look for them. */
const all = JSON.parse(process.env.TEST_SERVERS!) as { kafka: string; temporal: string }[];
const { kafka, temporal } = all[Number(process.env.JEST_WORKER_ID) - 1]!;
process.env.KAFKA_BROKERS = kafka;
process.env.TEMPORAL_ADDRESS = temporal;
