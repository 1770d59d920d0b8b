import { UsageError } from '../domain/errors';

/** Starts to listen and returns the URL. Throws a {@link UsageError} if the port is taken. */
export async function listen(
  app: { listen(options: { host: string; port: number }): Promise<string> },
  { host, port }: { host: string; port: number },
  portSetting: string,
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new UsageError(
      `port ${port} is taken: set ${portSetting} to another one, or to 0 for any`,
    );
  }
}
