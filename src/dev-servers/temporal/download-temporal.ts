import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { withHeartbeat, type Progress } from '../common/progress';
import type { Tools } from '../cache/tools';

const ANSWER_TIMEOUT_MS = 10_000;
const DOWNLOAD_DEADLINE_MS = 10 * 60_000;
const UNPACK_DEADLINE_MS = 2 * 60_000;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
};

/** The address of Temporal's official archive of its CLI. */
export function temporalArchive(
  version: string,
  platform: NodeJS.Platform = process.platform,
  architecture: NodeJS.Architecture = process.arch,
): string {
  const arch = ARCHITECTURES[architecture] ?? architecture;
  return `https://temporal.download/cli/archive/v${version}?platform=${platform}&arch=${arch}`;
}

/**
 * Downloads `temporal` and unpacks it into a folder. A failure is reported and returned as false, because Go may
 * still build it.
 */
export async function downloadTemporal(
  url: string,
  directory: string,
  progress: Progress,
  tools: Tools,
): Promise<boolean> {
  const archive = join(directory, 'temporal.tar.gz');
  const { host } = new URL(url);
  const doing = `downloading the Temporal CLI from ${host} (the first time only)`;
  progress(doing);
  try {
    await withHeartbeat(progress, doing, () => save(url, archive));
    await tools.run({
      command: 'tar',
      args: ['-xzf', archive, '-C', directory, 'temporal'],
      doing: 'unpacking the Temporal CLI',
      deadlineMs: UNPACK_DEADLINE_MS,
      progress,
    });
    return true;
  } catch (error) {
    // fetch itself says only "fetch failed"; the cause says why.
    const { message } = ((error as Error).cause ?? error) as Error;
    progress(`the download from ${host} failed: ${message}`);
    return false;
  } finally {
    await rm(archive, { force: true });
  }
}

/** Gives up on a server that does not answer within 10 s. A slow transfer gets 10 minutes. */
async function save(url: string, file: string): Promise<void> {
  const abort = new AbortController();
  const giveUp = (reason: string) => () => abort.abort(new Error(reason));
  const timer = setTimeout(giveUp('no answer within 10 s'), ANSWER_TIMEOUT_MS);
  const deadline = setTimeout(giveUp('not done within 10 minutes'), DOWNLOAD_DEADLINE_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const out = Writable.toWeb(createWriteStream(file)) as WritableStream<Uint8Array>;
    await response.body.pipeTo(out, { signal: abort.signal });
  } finally {
    clearTimeout(timer);
    clearTimeout(deadline);
  }
}
