import { join } from 'node:path';
import { z } from 'zod';
import { FACTS } from './facts';

export const LOCAL_SERVERS = {
  CLOUDSYNC_DEV_DIR: z.string().min(1).default(join('.cloudsync', 'dev')).register(FACTS, {
    meaning: 'folder for data and logs of the local servers',
  }),
  CLOUDSYNC_DEV_DOWNLOAD: z.stringbool().default(true).register(FACTS, {
    meaning: "whether Temporal's CLI may be downloaded",
  }),
};
