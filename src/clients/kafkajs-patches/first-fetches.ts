import Connection from 'kafkajs/src/network/connection';

/**
 * Makes calls that come while a connection is being made share it. kafkajs makes a socket for each such
 * call and forgets all but the last: nothing closes the others, and the process that waits for them
 * does not end. The connection for fetches is made by the first fetch, so two first fetches are enough.
 */
const connecting = new WeakMap<Connection, Promise<boolean>>();
const connection = Connection.prototype;
const { connect, disconnect } = connection;
connection.connect = function () {
  const underWay = connecting.get(this);
  if (underWay) return underWay;
  const attempt = connect.call(this);
  connecting.set(this, attempt);
  const forget = () => {
    if (connecting.get(this) === attempt) connecting.delete(this);
  };
  attempt.then(forget, forget);
  return attempt;
};
/** An attempt that a broker ends before it has begun never settles: the next call makes a new one. */
connection.disconnect = function () {
  connecting.delete(this);
  return disconnect.call(this);
};
