import { DeliveryError } from '../../domain/errors';

/** Key of the object with which a store is tried, below the sink's prefix. No message's object has this name. */
export const PROBE_KEY = '.cloudsync-probe';

/** The requests by which a store is tried. */
export interface ProbeRequests {
  create: () => Promise<'created' | 'exists'>;
  remove: () => Promise<void>;
  location: string;
}

/** How often an existing object may be created again before the store counts as one that allows it. */
const TRIES = 2;

/**
 * Finds out whether a store refuses to create an object that exists. If a store ignores the condition, a record
 * overwrites another record of the same message id, and both count as delivered. Throws a `Transient`
 * {@link DeliveryError}, because the configuration is at fault and not a record.
 */
export async function tryConditions({ create, remove, location }: ProbeRequests): Promise<void> {
  // The object exists if an earlier process could not remove it. Then this one request is enough.
  if ((await create()) === 'exists') return;
  let refused = false;
  // Another process may remove the object between two requests of this one.
  for (let i = 0; i < TRIES && !refused; i++) refused = (await create()) === 'exists';
  // A right to write need not include a right to delete. An object that stays costs nothing, and saves requests.
  await remove().catch(() => undefined);
  if (refused) return;
  throw new DeliveryError(
    'Transient',
    `the store ignores the condition If-None-Match: * of a PUT, as it created ${location} again: one record could overwrite another. Use a store, or a version of it, that honours the condition; docs/guides/streams.md, "Other servers", says more`,
  );
}
