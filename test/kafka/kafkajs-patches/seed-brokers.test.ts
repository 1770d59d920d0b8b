import pino from 'pino';
import { createKafka } from '../../../src/kafka/kafka';
import {
  createCluster,
  type PatchedCluster,
} from '../../../src/kafka/kafkajs-patches/our-clusters';

test('the addresses of brokers are asked in turn, including IPv6 addresses', async () => {
  const brokers = ['[::1]:9092', 'broker.example:29092', '[2001:db8::2]:9093'];
  const settings = { brokers, clientId: 'test', ssl: false };
  const kafka = createKafka(settings, pino({ level: 'silent' }));
  const { connectionPoolBuilder } = createCluster<PatchedCluster>(kafka, {});
  const asked: object[] = [];
  for (let i = 0; i < 4; i++) {
    const { pool } = await connectionPoolBuilder.build();
    const { host, port } = pool[0]!;
    asked.push({ host, port });
  }
  expect(asked).toEqual([
    { host: '::1', port: 9092 },
    { host: 'broker.example', port: 29092 },
    { host: '2001:db8::2', port: 9093 },
    { host: '::1', port: 9092 },
  ]);
});
