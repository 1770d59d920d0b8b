/**
 * The limit of Kafka's client id, which is part of the member id that each commit carries. A broker accepts 4,096
 * bytes of metadata with an offset.
 */
export const MAX_CLIENT_ID_BYTES = 255;

/** What is wrong with a client id for Kafka; undefined if nothing is. Counts the bytes that the id takes in JSON. */
export function clientIdFault(clientId: string): string | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(clientId)) - 2;
  if (bytes <= MAX_CLIENT_ID_BYTES) return undefined;
  return `takes ${bytes} bytes in JSON, at most ${MAX_CLIENT_ID_BYTES} are allowed, because each commit carries the client id: choose a shorter id`;
}
