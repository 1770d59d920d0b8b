import apiKeys from 'kafkajs/src/protocol/requests/apiKeys';
import Encoder from 'kafkajs/src/protocol/encoder';
import { connectLater } from '../../../src/kafka/cluster';
import type { Kafka } from '../../../src/kafka/kafka';

interface Written extends InstanceType<typeof Encoder> {
  writeString(value: string | null): Written;
  writeInt16(value: number): Written;
  writeInt32(value: number): Written;
  writeBytes(value: Buffer): Written;
}

/** Sends a record batch unchanged, in a Produce request of version 7. The broker checks the batch and sets its offsets. */
export async function produceBytes(kafka: Kafka, topic: string, batch: Buffer): Promise<void> {
  const { cluster, knows, close } = connectLater(kafka);
  try {
    await knows(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
    const broker = await cluster.findBroker({ nodeId: nodeId! });
    const request = (new Encoder() as Written).writeString(null).writeInt16(-1).writeInt32(30_000);
    request.writeInt32(1).writeString(topic).writeInt32(1).writeInt32(0).writeBytes(batch);
    const errorCode = await broker.connectionPool.send({
      request: {
        apiKey: apiKeys.Produce,
        apiVersion: 7,
        apiName: 'Produce',
        encode: () => Promise.resolve(request),
      },
      response: {
        // The error code comes after the count of topics, the name, the count of partitions and the partition.
        decode: (bytes: Buffer) => bytes.readInt16BE(4 + 2 + Buffer.byteLength(topic) + 4 + 4),
        parse: (code: number) => code,
      },
    });
    if (errorCode !== 0)
      throw new Error(`the broker refuses the batch with error ${String(errorCode)}`);
  } finally {
    await close();
  }
}
