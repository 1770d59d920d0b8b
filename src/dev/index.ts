export { userCacheDirectory } from './cache-directory';
export { down } from './down';
export type { LocalPorts } from './local-ports';
export { freePort } from './ports';
export { startKafka, startTemporal, type SingleServer } from './single-server';
export { status } from './status';
export { ensureNamespace } from './temporal-probe';
export { up, type LocalAddresses, type UpOptions } from './up';
