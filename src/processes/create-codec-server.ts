import type { PayloadCodec } from '@temporalio/common';
import { requireTokens } from '../http/admission';
import { listen } from '../http/listen';
import { CODEC_PACKAGES, createCodecServer } from '../codec-server/server';
import { requireInstalled } from '../domain/optional-packages';
import type { CodecSettings } from '../settings/codec-server';
import type { Service } from '../lib/lifecycle';
import type { Logger } from '../telemetry/logger';

/** A codec server that listens. */
export interface CodecService extends Service {
  /** `http://host:port`. */
  url: string;
}

/**
 * Starts the codec server, which decrypts payloads for a Temporal UI. Rejects with a {@link UsageError} if the port is
 * taken, if the server would be open to everybody, or if its packages are not installed.
 */
export async function startCodecServer(options: {
  settings: CodecSettings;
  codec: PayloadCodec;
  logger: Logger;
}): Promise<CodecService> {
  const { settings, codec, logger } = options;
  requireInstalled('the codec server', CODEC_PACKAGES);
  requireTokens(settings, { host: 'CLOUDSYNC_CODEC_HOST', tokens: 'CLOUDSYNC_CODEC_TOKENS' });
  let stopped: Promise<void> | undefined;
  const faults = (): Record<string, string> => (stopped ? { process: 'stopping' } : {});
  const app = await createCodecServer({ ...settings, codec, logger, faults });
  const url = await listen(app, settings, 'CLOUDSYNC_CODEC_PORT');
  logger.info({ url, origins: settings.origins }, 'Listening');
  let ended: () => void = () => undefined;
  return {
    url,
    faults,
    stop: () => (stopped ??= app.close().then(() => ended())),
    ended: new Promise((resolve) => (ended = resolve)),
  };
}
