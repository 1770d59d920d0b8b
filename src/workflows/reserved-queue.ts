/**
 * The task queue of a stream's activities that must not wait for a sink: dead letters and chunks. Attempts at single
 * records, up to 100 in a worker, can hang at the sink and keep every other slot. No name of a stream contains `~`.
 */
export function reservedQueue(taskQueue: string): string {
  return `${taskQueue}~reserved`;
}
