import { rm } from 'node:fs/promises';
import type { SingleServer } from '../../../src/dev-servers';

export default async function teardown(): Promise<void> {
  const { root, servers } = (
    globalThis as unknown as { testServers: { root: string; servers: SingleServer[] } }
  ).testServers;
  await Promise.all(servers.map((server) => server.stop()));
  await rm(root, { recursive: true, force: true });
}
