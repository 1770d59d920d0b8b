export { userCacheDirectory } from './cache-directory';
export { LocalServerError } from './errors';
export { down, status, up } from './local-servers';
export type {
  LocalAddresses,
  LocalPorts,
  LocalServersOptions,
  ServerName,
  ServerStatus,
  UpOptions,
} from './local-servers';
export type { Progress } from './run-tool';
