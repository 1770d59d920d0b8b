import { rm } from 'node:fs/promises';
import type { SingleServer } from '../../../src/dev';

export default async function teardown(): Promise<void> {
  const { kafka, temporal, directory } = (
    globalThis as unknown as {
      cloudsyncServers: { kafka: SingleServer; temporal: SingleServer; directory: string };
    }
  ).cloudsyncServers;
  await Promise.all([kafka.stop(), temporal.stop()]);
  await rm(directory, { recursive: true, force: true });
}
