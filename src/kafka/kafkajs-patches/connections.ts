import { KafkaJSConnectionError } from 'kafkajs';
import type Connection from 'kafkajs/src/network/connection';

/** An answer begins with its size. */
const BYTES_OF_SIZE = 4;

/**
 * kafkajs connects again with what had arrived of an answer when the old connection broke. It takes the
 * first bytes of the new one for the rest, and understands nothing from then on (tulios/kafkajs#715).
 */
export function forgetOldBytes(connection: Connection): void {
  const connect = connection.connect.bind(connection);
  connection.connect = () => {
    if (!connection.isConnected()) {
      // Else bytes that the old socket still has would come in between.
      connection.socket?.destroy();
      connection.chunks = [];
      connection.bytesBuffered = 0;
      connection.bytesNeeded = BYTES_OF_SIZE;
      connection.authHandlers = null;
    }
    return connect();
  };
}

/**
 * kafkajs keeps a connection on which a request has timed out, and sends the next request on it. A
 * connection that a load balancer has dropped, or whose broker hangs, then fails for as long as the kernel
 * sends its bytes again: a quarter of an hour (tulios/kafkajs#919). Kafka's own client closes it; so does this.
 */
export function closeOnTimeout(connection: Connection): void {
  const send = connection.send.bind(connection);
  connection.send = async (request) => {
    const { socket } = connection;
    try {
      return await send(request);
    } catch (error) {
      if (isTimeout(error) && connection.socket === socket && connection.isConnected()) {
        await closeHanging(connection);
      }
      throw error;
    }
  };
}

/** Whether a request was not answered in its time. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'KafkaJSRequestTimeoutError';
}

/** Ends the requests that wait on a connection, and closes it. The next request connects anew. */
export async function closeHanging(hanging: Connection): Promise<void> {
  const { host, port, socket } = hanging;
  const broker = `${host}:${port}`;
  hanging.rejectRequests(new KafkaJSConnectionError(`${broker} does not answer`, { broker }));
  await hanging.disconnect();
  socket?.destroy();
}
