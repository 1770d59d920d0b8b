import { gzipSync } from 'node:zlib';
import decodeMessages from 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages';
import Decoder from 'kafkajs/src/protocol/decoder';
import '../src/kafka/kafka';
import { decodeRecordSet } from '../src/kafka/records/record-set';
import { encodeBatch } from '../test/kafka/support/encode-batch';
import { argument, machine } from './support';

/**
 * Measures the CPU time for each record of decoding a fetch: CloudSync's own code and kafkajs's, in turns, on
 * the same bytes. Usage: `npm run bench:decode [-- --rounds N --json]`. Fetches of 1 MB in batches of 100 records,
 * each with a value of 200 bytes and two headers.
 */
const ROUNDS = argument('rounds', 15);
const RECORDS_A_BATCH = 100;
const BATCHES = 40;

const value = (i: number) =>
  Buffer.from(JSON.stringify({ id: `message-${i}`, type: 'bench', payload: 'x'.repeat(150) }));

function recordSet(gzip: boolean): Buffer {
  return Buffer.concat(
    Array.from({ length: BATCHES }, (_, batch) =>
      encodeBatch({
        baseOffset: batch * RECORDS_A_BATCH,
        records: Array.from({ length: RECORDS_A_BATCH }, (_, offsetDelta) => ({
          offsetDelta,
          timestampDelta: BigInt(offsetDelta),
          key: Buffer.from(`key-${offsetDelta}`),
          value: value(batch * RECORDS_A_BATCH + offsetDelta),
          headers: [
            ['traceparent', Buffer.alloc(55)],
            ['source', Buffer.from('bench')],
          ],
        })),
        ...(gzip && { attributes: 1, packed: (bytes: Buffer) => gzipSync(bytes) }),
      }),
    ),
  );
}

/** The CPU time for each record in microseconds. */
async function cpu(decode: () => Promise<number> | number): Promise<number> {
  const before = process.cpuUsage();
  let records = 0;
  for (let i = 0; i < 20; i++) records += await decode();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / records;
}

function summary(figures: number[]) {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (share: number) => Number(sorted[Math.floor(share * (sorted.length - 1))]!.toFixed(3));
  return { min: at(0), median: at(0.5), max: at(1) };
}

async function compare(codec: string, bytes: Buffer) {
  const sized = Buffer.concat([Buffer.alloc(4), bytes]);
  sized.writeInt32BE(bytes.length);
  const place = { topic: 'bench', partition: 0, fetchOffset: 0, highWatermark: Infinity };
  const own = () => decodeRecordSet({ ...place, bytes, abortedTransactions: [] }).records.length;
  const kafkajs = async () => {
    const messages = await decodeMessages(new Decoder(sized));
    // A consumer of kafkajs also has to convert strings to numbers, and headers to pairs.
    for (const one of messages)
      void [Number(one.offset), Number(one.timestamp), Object.entries(one.headers)];
    return messages.length;
  };
  const figures = { own: [] as number[], kafkajs: [] as number[], ratio: [] as number[] };
  for (let round = -3; round < ROUNDS; round++) {
    const [a, b] = [await cpu(own), await cpu(kafkajs)];
    if (round < 0) continue;
    figures.own.push(a);
    figures.kafkajs.push(b);
    figures.ratio.push(a / b);
  }
  return {
    codec,
    ownMicroseconds: summary(figures.own),
    kafkajsMicroseconds: summary(figures.kafkajs),
    ownToKafkajs: summary(figures.ratio),
  };
}

async function main() {
  const rows = [await compare('none', recordSet(false)), await compare('gzip', recordSet(true))];
  if (process.argv.includes('--json')) console.log(JSON.stringify({ machine, rows }, null, 2));
  else console.log(machine, '\n', JSON.stringify(rows, null, 1));
}

void main();
