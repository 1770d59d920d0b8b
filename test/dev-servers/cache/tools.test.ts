import { installedTools } from '../../../src/dev-servers/cache/tools';

const run = { doing: 'building', deadlineMs: 10_000, progress: () => undefined };

test('ask returns the output of a tool, and nothing if the tool is missing or fails', async () => {
  const ask = (command: string, args: string[]) => installedTools.ask(command, args);
  expect(await ask(process.execPath, ['-p', '1 + 1'])).toBe('2\n');
  expect(await ask('cloudsync-no-such-tool', [])).toBeUndefined();
  expect(await ask(process.execPath, ['-e', 'process.exit(1)'])).toBeUndefined();
});

test('run rejects with the end of the output when the tool fails', async () => {
  const args = ['-e', 'console.log("out"); console.error("why"); process.exit(3)'];
  await expect(installedTools.run({ ...run, command: process.execPath, args })).rejects.toThrow(
    /^building: .* ended with exit code 3\n(out\nwhy|why\nout)$/,
  );
});

test('run ends a tool at its deadline', async () => {
  const args = ['-e', 'console.log("busy"); setInterval(() => {}, 1000)'];
  await expect(
    installedTools.run({ ...run, command: process.execPath, args, deadlineMs: 1_000 }),
  ).rejects.toThrow('took longer than');
});
