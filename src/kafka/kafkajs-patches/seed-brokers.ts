import type { PatchedCluster } from './our-clusters';

/**
 * kafkajs splits the addresses that it is given at their first colon (tulios/kafkajs#1589), and so takes no IPv6 address.
 * kafkajs takes the addresses that brokers advertise as they are.
 */
export function takeAddresses(
  { connectionPoolBuilder: builder }: PatchedCluster,
  brokers: string[],
) {
  const build = builder.build.bind(builder);
  let next = 0;
  builder.build = (destination) =>
    build(destination?.host ? destination : hostAndPort(brokers[next++ % brokers.length]!));
}

/** The brackets of an IPv6 address belong to its text alone. */
function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
