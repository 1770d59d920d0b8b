import { join, resolve } from 'node:path';

export const SERVER_NAMES = ['kafka', 'temporal', 's3', 'blob'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** The folder for a server's data, and the file for its log, below the directory of the local servers. */
export function serverPaths(directory: string, name: ServerName): { home: string; log: string } {
  const root = resolve(directory);
  return { home: join(root, name), log: join(root, 'logs', `${name}.log`) };
}
