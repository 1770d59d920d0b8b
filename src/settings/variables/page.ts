import { z } from 'zod';
import { tokenHashes } from '../http-producer';
import { dashboardAddress, basePath, webAddress } from '../page';
import { FACTS } from './facts';
import { port } from './values';

export const PAGE = {
  CLOUDSYNC_PAGE_HOST: z.string().min(1).default('127.0.0.1').register(FACTS, {
    meaning: "address to listen on; another than this machine's needs tokens",
  }),
  CLOUDSYNC_PAGE_PORT: port.default(8090).register(FACTS, {
    meaning: 'port to listen on; 0 takes any free one',
  }),
  CLOUDSYNC_PAGE_TOKENS: tokenHashes.default([]).register(FACTS, {
    meaning: 'SHA-256 hashes of the tokens that people log in with, as `CLOUDSYNC_API_TOKENS`',
  }),
  CLOUDSYNC_PAGE_READ_ONLY: z.stringbool().default(false).register(FACTS, {
    meaning: 'whether the page only shows, and has no actions',
  }),
  CLOUDSYNC_PAGE_BASE_PATH: basePath.optional().register(FACTS, {
    meaning:
      'path below which a proxy offers the page, such as `/ops`, whether the proxy strips it or not',
    otherwise: 'at the root',
  }),
  CLOUDSYNC_PAGE_USER_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/, 'must be the name of a header')
    .optional()
    .register(FACTS, {
      meaning:
        'header in which a proxy names the person, for the audit; the proxy must replace what browsers send',
      otherwise: 'none',
    }),
  CLOUDSYNC_PAGE_TEMPORAL_UI: webAddress.optional().register(FACTS, {
    meaning: "address of Temporal's UI, for links to workflows, such as `http://127.0.0.1:8233`",
    otherwise: 'no links',
  }),
  CLOUDSYNC_PAGE_GRAFANA: dashboardAddress.optional().register(FACTS, {
    meaning:
      'address of a Grafana dashboard with a variable `stream`, for plots of more than 15 minutes, such as `https://grafana.example/d/cloudsync`',
    otherwise: 'no link',
  }),
};
