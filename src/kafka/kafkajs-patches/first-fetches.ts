import type Connection from 'kafkajs/src/network/connection';

/**
 * Makes calls that come while a connection is being made share it. kafkajs makes a socket for each such
 * call and forgets all but the last: nothing closes the others, and the process that waits for them
 * does not end. The connection for fetches is made by the first fetch, so two first fetches are enough.
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
  // An attempt that a broker ends before it has begun never settles: the next call makes a new one.
  connection.disconnect = () => {
    underWay = undefined;
    return disconnect();
  };
}
