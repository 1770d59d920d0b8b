import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as restate from '@restatedev/restate-sdk';
import { brokers, deliver, directory, fillTopic, finish, topic } from './common.mjs';

/** One invocation for each record, with one `ctx.run`. The server runs beside it, on a data folder of its own. */
const [SERVICE, ADMIN, INGRESS] = [9580, 9570, 9590];
const data = `${directory}-restate`;
const config = `${data}.toml`;

await fillTopic();
await writeFile(
  config,
  `base-dir = "${data}"
[admin]
bind-address = "127.0.0.1:${ADMIN}"
[ingress]
bind-address = "127.0.0.1:${INGRESS}"
[[ingress.kafka-clusters]]
name = "local"
brokers = [${brokers.map((broker) => `"PLAINTEXT://${broker}"`).join(', ')}]
`,
);
const server = createRequire(import.meta.url).resolve('@restatedev/restate-server/package.json');
const binary = join(server, '..', 'lib', 'index.js');
const restateServer = spawn(
  process.execPath,
  [binary, '--config-file', config, '--node-name', topic],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, RUST_LOG: 'error' },
  },
);

const records = restate.service({
  name: 'records',
  handlers: {
    deliver: async (ctx, message) => {
      await ctx.run('deliver', () => deliver(message.id, JSON.stringify(message)));
    },
  },
});
await restate.serve({ services: [records], port: SERVICE });

async function admin(path, body) {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`http://127.0.0.1:${ADMIN}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (response.ok) return;
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    } catch (error) {
      if (attempt > 60) throw error;
      await sleep(500);
    }
  }
}
await admin('deployments', { uri: `http://127.0.0.1:${SERVICE}` });
await admin('subscriptions', {
  source: `kafka://local/${topic}`,
  sink: 'service://records/deliver',
  options: { 'auto.offset.reset': 'earliest' },
});
await finish('Restate, one invocation with one step a record');
restateServer.kill('SIGTERM');
await new Promise((resolve) => restateServer.once('exit', resolve));
await rm(data, { recursive: true, force: true });
await rm(config);
process.exit(0);
