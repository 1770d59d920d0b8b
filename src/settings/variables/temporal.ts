import { z } from 'zod';
import { FACTS } from './facts';

/** What counts if neither the environment nor Temporal's profile file says it. */
export const DEFAULT_ADDRESS = '127.0.0.1:7233';
export const DEFAULT_NAMESPACE = 'default';

export const TEMPORAL = {
  TEMPORAL_ADDRESS: z.string().optional().register(FACTS, {
    meaning: 'host:port',
    default: DEFAULT_ADDRESS,
  }),
  TEMPORAL_NAMESPACE: z.string().optional().register(FACTS, {
    meaning: 'namespace',
    default: DEFAULT_NAMESPACE,
  }),
};
