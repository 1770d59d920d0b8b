import { mkdir } from 'node:fs/promises';
import { errorMessage, UsageError } from '../../domain/errors';

/** Makes a folder and its parents, or throws a {@link UsageError} that names the variable for another one. */
export async function makeFolder(path: string, purpose: string, variable: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `can't make the folder for ${purpose}: ${errorMessage(error)}; name a folder that can be written with ${variable}`,
    );
  }
}
