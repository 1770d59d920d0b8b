import type { Command } from 'commander';
import { environment, loadSettings } from '../../settings/config';
import { startCodecServer } from '../../processes/create-codec-server';
import { UsageError } from '../../domain/errors';
import { runUntilSignal } from '../../lib/lifecycle';
import { createLogger } from '../../telemetry/logger';
import { serveWithoutReaders } from '../options/exit';

export function addCodecCommand(program: Command): void {
  program
    .command('codec')
    .description('encrypted payloads')
    .command('start')
    .description('start the codec server, which decrypts payloads for the Temporal UI')
    .action(async () => {
      const { temporal, codec: settings, logLevel } = loadSettings(environment());
      const { codec } = temporal;
      if (!codec) {
        throw new UsageError(
          'CLOUDSYNC_ENCRYPTION_KEYS or CLOUDSYNC_ENCRYPTION_KEYS_FILE is needed: the keys to decrypt with',
        );
      }
      serveWithoutReaders();
      const logger = createLogger(logLevel);
      await runUntilSignal(startCodecServer({ settings, codec, logger }), logger);
    });
}
