/** What a soak writes to: one topic of each kind, with a stream in each lane. */
export const TOPICS = {
  log: { 'retention.ms': '-1' },
  compacted: {
    'cleanup.policy': 'compact',
    'segment.ms': '5000',
    'min.cleanable.dirty.ratio': '0.001',
  },
  /** Deleted and made anew now and then. */
  remade: { 'retention.ms': '-1' },
} satisfies Record<string, Record<string, string>>;

export type TopicName = keyof typeof TOPICS;
export const TOPIC_NAMES = Object.keys(TOPICS) as TopicName[];
/** Each of two bridge workers needs one of each topic, or it is not ready. */
export const PARTITIONS = 2;
export const LANES = ['record', 'chunk'] as const;

export const topicOf = (name: TopicName) => `soak.${name}`;
export const streamOf = (name: TopicName, lane: (typeof LANES)[number]) => `soak-${name}-${lane}`;
