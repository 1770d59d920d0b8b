import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import {
  downloadTemporal,
  temporalArchive,
} from '../../../src/dev-servers/temporal/download-temporal';
import { freePort } from '../../../src/dev-servers/common/ports';
import { installedTools } from '../../../src/dev-servers/cache/tools';
import { temporaryDirectory } from '../support/temporary-directory';

async function download(listener: RequestListener) {
  const port = await freePort();
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const directory = temporaryDirectory();
  const messages: string[] = [];
  const progress = (message: string) => messages.push(message);
  const url = `http://127.0.0.1:${port}/archive`;
  try {
    const done = await downloadTemporal(url, directory, progress, installedTools);
    return { done, directory, messages };
  } finally {
    server.close();
  }
}

test('a download unpacks the archive and keeps only the program', async () => {
  const source = temporaryDirectory();
  writeFileSync(join(source, 'temporal'), 'the program');
  writeFileSync(join(source, 'LICENSE'), '');
  const archive = execFileSync('tar', ['-czf', '-', '-C', source, 'LICENSE', 'temporal']);
  const { done, directory } = await download((_, response) => response.end(archive));
  expect(done).toBe(true);
  expect(readdirSync(directory)).toEqual(['temporal']);
  expect(readFileSync(join(directory, 'temporal'), 'utf8')).toBe('the program');
});

test('a refused or useless answer is reported, and the download returns false', async () => {
  const refused = await download((_, response) => response.writeHead(404).end());
  expect(refused.done).toBe(false);
  expect(refused.messages.at(-1)).toMatch(/^the download from .* failed: HTTP 404$/);
  const useless = await download((_, response) => response.end('<html>'));
  expect(useless.done).toBe(false);
  expect(readdirSync(useless.directory)).toEqual([]);
});

test('a server that can not be reached is reported with the cause', async () => {
  const messages: string[] = [];
  const url = `http://127.0.0.1:${await freePort()}/archive`;
  const progress = (message: string) => messages.push(message);
  const done = await downloadTemporal(url, temporaryDirectory(), progress, installedTools);
  expect(done).toBe(false);
  expect(messages.at(-1)).toContain('ECONNREFUSED');
});

test("the archive's address names platform and architecture of the machine", () => {
  expect(temporalArchive('1.5.1', 'darwin', 'arm64')).toBe(
    'https://temporal.download/cli/archive/v1.5.1?platform=darwin&arch=arm64',
  );
  expect(temporalArchive('1.5.1', 'linux', 'x64')).toContain('platform=linux&arch=amd64');
});
