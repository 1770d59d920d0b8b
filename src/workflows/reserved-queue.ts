/**
 * The task queue for a stream's dead letters and chunks, whose activities must not wait for a sink to free slots.
 * Attempts at single records, up to 100 in a worker, can hang at the sink and occupy every other slot. No stream's
 * name contains `~`.
 */
export function reservedQueue(taskQueue: string): string {
  return `${taskQueue}~reserved`;
}
