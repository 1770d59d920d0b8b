/** Receives one line at a time, for people. */
export type Progress = (message: string) => void;

const HEARTBEAT_MS = 10_000;

/** Runs `work`, and reports every ten seconds that `doing` still continues. */
export async function withHeartbeat<T>(
  progress: Progress,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  const start = Date.now();
  const timer = setInterval(() => {
    progress(`${doing}, ${Math.round((Date.now() - start) / 1000)} s…`);
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
