import { KafkaJSConnectionError } from 'kafkajs';
import Connection from 'kafkajs/src/network/connection';

/**
 * kafkajs keeps a connection on which a request has timed out, and sends the next request on it. A
 * connection that a load balancer has dropped, or whose broker hangs, then fails for as long as the kernel
 * sends its bytes again: a quarter of an hour (tulios/kafkajs#919). Kafka's own client closes it; so does this.
 *
 * And kafkajs connects again with what had arrived of an answer when the old connection broke. It takes the
 * first bytes of the new one for the rest, and understands nothing from then on (tulios/kafkajs#715).
 */
const connection = Connection.prototype;
const { connect, send } = connection;

connection.connect = function () {
  if (!this.isConnected()) {
    // Else bytes that the old socket still has would come in between.
    this.socket?.destroy();
    this.chunks = [];
    this.bytesBuffered = 0;
    this.bytesNeeded = BYTES_OF_SIZE;
    this.authHandlers = null;
  }
  return connect.call(this);
};
/** An answer begins with its size. */
const BYTES_OF_SIZE = 4;

connection.send = async function (request) {
  const { socket } = this;
  try {
    return await send.call(this, request);
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'KafkaJSRequestTimeoutError';
    if (timedOut && this.socket === socket && this.isConnected()) await closeHanging(this);
    throw error;
  }
};

/** Ends the requests that wait on a connection, and closes it. The next request connects anew. */
export async function closeHanging(hanging: Connection): Promise<void> {
  const { host, port, socket } = hanging;
  const broker = `${host}:${port}`;
  hanging.rejectRequests(new KafkaJSConnectionError(`${broker} does not answer`, { broker }));
  await hanging.disconnect();
  socket?.destroy();
}
