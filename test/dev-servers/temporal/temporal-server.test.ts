import { temporalArguments } from '../../../src/dev-servers/temporal/temporal-server';

test('the dev server listens on 127.0.0.1 only, keeps its data, and limits ids to 255 bytes', () => {
  const line = temporalArguments(7233, 8233).join(' ');
  expect(line).toMatch(/^server start-dev /);
  expect(line).toContain('--ip 127.0.0.1 --port 7233 --ui-ip 127.0.0.1 --ui-port 8233');
  expect(line).toContain('--db-filename temporal.db');
  expect(line).toContain('--sqlite-pragma journal_mode=WAL --sqlite-pragma synchronous=NORMAL');
  expect(line).toContain('--dynamic-config-value limit.maxIDLength=255');
});
