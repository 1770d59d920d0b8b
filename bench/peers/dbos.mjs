import { DBOS } from '@dbos-inc/dbos-sdk';
import { KafkaReceiver } from '@dbos-inc/kafkajs-receive';
import { logLevel } from 'kafkajs';
import { brokers, deliver, fillTopic, finish, topic } from './common.mjs';

/** One workflow for each record, with one step. */
await fillTopic();
const systemDatabaseUrl = process.env.DBOS_SYSTEM_DATABASE_URL;
if (!systemDatabaseUrl) throw new Error('set DBOS_SYSTEM_DATABASE_URL');
DBOS.setConfig({ name: topic, systemDatabaseUrl, systemDatabasePoolSize: 20, logLevel: 'error' });
const workflow = DBOS.registerWorkflow(
  async (_topic, _partition, message) => {
    const value = message.value.toString();
    await DBOS.runStep(() => deliver(JSON.parse(value).id, value), { name: 'deliver' });
  },
  { name: 'deliverRecord' },
);
const receiver = new KafkaReceiver({ clientId: 'dbos', brokers, logLevel: logLevel.NOTHING });
receiver.registerConsumer(workflow, topic, {
  name: 'deliverRecord',
  batchSize: 1_000,
  config: { groupId: topic },
});
await DBOS.launch();
await finish('DBOS, one workflow with one step a record');
process.exit(0);
