import OffsetManager from 'kafkajs/src/consumer/offsetManager';
import { isOurs } from './our-clusters';

/** The offset by which kafkajs commits the beginning of a partition. */
const BEGINNING = '-2';

/**
 * Keeps the committed metadata when kafkajs commits the beginning of a partition. kafkajs does so when the offset
 * that it asks for is not there, so that a restart begins there too. It commits no metadata, and would thus remove
 * the totals that earlier owners have committed beside the offset.
 */
const manager = OffsetManager.prototype;
const { setDefaultOffset } = manager;

manager.setDefaultOffset = async function (where) {
  if (!isOurs(this.cluster)) return setDefaultOffset.call(this, where);
  const { groupId, generationId: groupGenerationId, memberId } = this;
  const { topic, partition } = where;
  const coordinator = await this.getCoordinator();
  const { responses } = await coordinator.offsetFetch({
    groupId,
    topics: [{ topic, partitions: [{ partition }] }],
  });
  const metadata = responses[0]?.partitions[0]?.metadata ?? null;
  const partitions = [{ partition, offset: BEGINNING, metadata }];
  const topics = [{ topic, partitions }];
  await coordinator.offsetCommit({ groupId, memberId, groupGenerationId, topics });
  this.clearOffsets(where);
};
