import type { PatchedCluster } from './our-clusters';

/**
 * Splits the brokers' addresses of the settings at their last colon. kafkajs splits them at the first colon
 * (tulios/kafkajs#1589), and so accepts no IPv6 address. It uses the addresses that brokers advertise as they are.
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

/** The brackets of an IPv6 address belong only to its text form. */
function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(address.slice(colon + 1)) };
}
