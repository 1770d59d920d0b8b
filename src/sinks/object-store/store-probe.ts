import { DeliveryError } from '../../domain/errors';

/** The key of the object that a store is tried with, below the sink's prefix. No message has this name. */
export const PROBE_KEY = '.cloudsync-probe';

/** The requests that trying a store takes. */
export interface ProbeRequests {
  create: () => Promise<'created' | 'exists'>;
  remove: () => Promise<void>;
  location: string;
}

/** How often an object that is there may be created again before the store counts as one that lets it. */
const TRIES = 2;

/**
 * Finds out whether a store refuses to create an object that is there. If a store ignores the condition, a
 * record overwrites another record of the same message id, and both count as delivered. Throws a
 * `Transient` {@link DeliveryError}, because the configuration is at fault and no record.
 */
export async function tryConditions({ create, remove, location }: ProbeRequests): Promise<void> {
  // It is there if an earlier process could not remove it: then one request tells all.
  if ((await create()) === 'exists') return;
  let refused = false;
  // Another process may remove the object between two requests of this one.
  for (let i = 0; i < TRIES && !refused; i++) refused = (await create()) === 'exists';
  // Rights to write need not hold rights to delete. What stays costs nothing, and saves requests.
  await remove().catch(() => undefined);
  if (refused) return;
  throw new DeliveryError(
    'Transient',
    `the store ignores the condition If-None-Match: * of a PUT, as it created ${location} again: one record could overwrite another. Use a store, or a version of it, that honours the condition; docs/guides/streams.md, "Other servers", says more`,
  );
}
