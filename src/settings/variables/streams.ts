import { z } from 'zod';
import { FACTS } from './facts';

export const STREAMS = {
  CLOUDSYNC_STREAMS: z.string().min(1).optional().register(FACTS, {
    meaning: 'JavaScript or TypeScript module that exports the streams',
    unit: 'path',
    otherwise:
      '`streams.ts` in the working directory; in a checkout without it the reference streams',
  }),
};
