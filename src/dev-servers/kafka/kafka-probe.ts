import { connect } from 'node:net';

const METADATA = 3;
const CORRELATION_ID = 7;
const MAX_RESPONSE_BYTES = 1_000_000;

/**
 * Whether an unfenced Kafka broker answers at this port of 127.0.0.1. Sends a bare Metadata request (version 1,
 * no topics). A client library would keep retrying and log each error. ApiVersions would not do, because a broker
 * answers it before it takes part in its cluster.
 */
export function kafkaAnswers(port: number, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const socket = connect(port, '127.0.0.1', () => socket.write(metadataRequest()));
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4) return;
      const size = received.readInt32BE(0);
      // If another server answers, its first four bytes are not a sensible size ("HTTP": 1.2 GB).
      if (size < 12 || size > MAX_RESPONSE_BYTES) finish(false);
      else if (received.length >= 4 + size) finish(namesBroker(received.subarray(4)));
    });
  });
}

function metadataRequest(): Buffer {
  const client = Buffer.from('cloudsync-dev');
  const body = Buffer.alloc(14 + client.length);
  body.writeInt16BE(METADATA, 0);
  body.writeInt16BE(1, 2);
  body.writeInt32BE(CORRELATION_ID, 4);
  body.writeInt16BE(client.length, 8);
  client.copy(body, 10);
  body.writeInt32BE(0, 10 + client.length);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Reads the correlation id, then the list of brokers, which is empty while the only broker is fenced. */
function namesBroker(response: Buffer): boolean {
  return response.readInt32BE(0) === CORRELATION_ID && response.readInt32BE(4) > 0;
}
