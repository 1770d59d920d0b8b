import type Connection from 'kafkajs/src/network/connection';

/**
 * Lets calls that come while a connection is being made share the connection. kafkajs makes a socket for each such
 * call and forgets all but the last. Nothing closes the other sockets, and a process that waits for them does not
 * end. Two first fetches are enough for this, because the first fetch makes the connection for fetches.
 */
export function connectOnce(connection: Connection): void {
  const connect = connection.connect.bind(connection);
  const disconnect = connection.disconnect.bind(connection);
  let underWay: Promise<boolean> | undefined;
  connection.connect = () => {
    if (underWay) return underWay;
    const attempt = connect();
    underWay = attempt;
    const forget = () => {
      if (underWay === attempt) underWay = undefined;
    };
    attempt.then(forget, forget);
    return attempt;
  };
  // An attempt never settles if its broker disconnects before the attempt has begun. The next call makes a new one.
  connection.disconnect = () => {
    underWay = undefined;
    return disconnect();
  };
}
