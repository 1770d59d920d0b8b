import { kafkaErrorType } from './kafka';

/**
 * Explains to people why a group accepts no member of ours. The returned error names the group and says what to do;
 * Kafka's own message does neither. Returns any other error as it is.
 */
export function asGroupFault(error: Error, groupId: string, sessionTimeoutMs: number): Error {
  const why = GROUP_FAULTS[kafkaErrorType(error) ?? ''];
  return why ? new Error(why(groupId, sessionTimeoutMs), { cause: error }) : error;
}

const GROUP_FAULTS: Record<string, (groupId: string, sessionTimeoutMs: number) => string> = {
  INCONSISTENT_GROUP_PROTOCOL: (groupId) =>
    `consumer group ${groupId} already has members that assign partitions in another way: give the stream a groupId that no other program uses, share groups included`,
  INVALID_SESSION_TIMEOUT: (groupId, sessionTimeoutMs) =>
    `the brokers do not let a member of consumer group ${groupId} be silent for ${sessionTimeoutMs} ms: set group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers so that they allow it`,
};
