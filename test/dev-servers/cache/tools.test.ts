import { installedTools } from '../../../src/dev-servers/cache/tools';

const run = { doing: 'building', deadlineMs: 10_000, progress: () => undefined };

test('a tool answers with what it prints; one that is missing or fails does not answer', async () => {
  const ask = (command: string, args: string[]) => installedTools.ask(command, args);
  expect(await ask(process.execPath, ['-p', '1 + 1'])).toBe('2\n');
  expect(await ask('cloudsync-no-such-tool', [])).toBeUndefined();
  expect(await ask(process.execPath, ['-e', 'process.exit(1)'])).toBeUndefined();
});

test('long work fails with the end of its output', async () => {
  const args = ['-e', 'console.log("out"); console.error("why"); process.exit(3)'];
  await expect(installedTools.run({ ...run, command: process.execPath, args })).rejects.toThrow(
    /^building: .* ended with exit code 3\n(out\nwhy|why\nout)$/,
  );
});

test('long work is ended at its deadline', async () => {
  const args = ['-e', 'console.log("busy"); setInterval(() => {}, 1000)'];
  await expect(
    installedTools.run({ ...run, command: process.execPath, args, deadlineMs: 1_000 }),
  ).rejects.toThrow('took longer than');
});
