/** The topics of a soak: one of each kind, with a stream in each lane. */
export const TOPICS = {
  log: { 'retention.ms': '-1' },
  compacted: {
    'cleanup.policy': 'compact',
    'segment.ms': '5000',
    'min.cleanable.dirty.ratio': '0.001',
  },
  /** Deleted and created again at times. */
  remade: { 'retention.ms': '-1' },
} satisfies Record<string, Record<string, string>>;

export type TopicName = keyof typeof TOPICS;
export const TOPIC_NAMES = Object.keys(TOPICS) as TopicName[];
/** Each of the two bridge workers needs one partition of each topic to be ready. */
export const PARTITIONS = 2;
export const LANES = ['record', 'chunk'] as const;

export const topicOf = (name: TopicName) => `soak.${name}`;
export const streamOf = (name: TopicName, lane: (typeof LANES)[number]) => `soak-${name}-${lane}`;
