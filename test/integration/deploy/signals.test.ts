import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { stringify } from 'yaml';
import { freePort } from '../../../src/dev-servers';
import {
  alertRules,
  dashboardExpressions,
  dashboards,
  metricNames,
  PROMETHEUS_FOLDER,
  withVariables,
} from '../../deploy/support/expressions';
import { provisionPromtool, runPromtool } from '../../deploy/support/promtool';
import { uniqueName } from '../support/world';

/** The time limit of a test: the first run may download promtool. */
const PROMTOOL_MS = 10 * 60_000;

test(
  'Prometheus accepts its configuration and rules',
  async () => {
    const config = await runPromtool(PROMETHEUS_FOLDER, [
      ...['check', 'config', '--syntax-only', 'prometheus.yml'],
    ]);
    expect(config).toContain('is valid prometheus config file syntax');
    const rules = await runPromtool(PROMETHEUS_FOLDER, ['check', 'rules', 'rules.yml']);
    expect(rules).toContain(`SUCCESS: ${alertRules().length} rules found`);
  },
  PROMTOOL_MS,
);

test(
  'each alert fires when it should, and only then',
  async () => {
    const output = await runPromtool(PROMETHEUS_FOLDER, ['test', 'rules', 'rules_test.yml']);
    expect(output).toContain('SUCCESS');
  },
  PROMTOOL_MS,
);

test(
  'every query of the dashboards is valid PromQL',
  async () => {
    const queries = dashboards().flatMap(([, dashboard]) => dashboardExpressions(dashboard));
    const rules = queries.map(({ expr }, i) => ({
      record: `query:${i}`,
      expr: withVariables(expr),
    }));
    const directory = await mkdtemp(join(tmpdir(), 'cloudsync-queries-'));
    const check = async (more: object[]) => {
      const groups = [{ name: 'queries', rules: [...rules, ...more] }];
      await writeFile(join(directory, 'queries.yml'), stringify({ groups }));
      return runPromtool(directory, ['check', 'rules', 'queries.yml']);
    };
    try {
      expect(rules.filter(({ expr }) => expr.includes('$'))).toEqual([]);
      expect(await check([])).toContain(`SUCCESS: ${queries.length} rules found`);
      // The check finds a fault.
      await expect(check([{ record: 'query:x', expr: 'sum by stream (a)' }])).rejects.toThrow();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  PROMTOOL_MS,
);

test('provisionPromtool without any tool fails with an error that names every alternative', async () => {
  const nothing = { ask: () => Promise.resolve(undefined), run: () => Promise.reject(new Error()) };
  const promtool = provisionPromtool(PROMETHEUS_FOLDER, nothing);
  await expect(promtool).rejects.toThrow(/on PATH \(Debian[^]*without root[^]*Docker/);
});

test("dashboards name metrics that Temporal's SDK has", async () => {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  const logging = { forward: {}, filter: 'OFF' };
  Runtime.install({
    logger: { ...console, trace: noop, debug: noop, info: noop, warn: noop, log: noop },
    telemetryOptions: { logging, metrics: { prometheus: { bindAddress } } },
  });
  const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS! });
  try {
    const taskQueue = uniqueName('metrics');
    const worker = await Worker.create({
      connection,
      taskQueue,
      workflowBundle: await bundleWorkflowCode({
        workflowsPath: require.resolve('../../workflows/fixtures/metric-workflows'),
        logger: { trace: noop, debug: noop, info: noop, warn: noop, error: noop, log: noop },
      }),
      activities: {
        attempt: (fails: boolean) => {
          if (fails) throw new Error('on purpose');
        },
      },
    });
    const client = new Client({ connection });
    const start = (workflowId: string, fails: boolean) =>
      client.workflow.start('useActivities', { taskQueue, workflowId, args: [fails] });
    const exported = await worker.runUntil(async () => {
      const done = await start(`${taskQueue}-1`, false);
      // The SDK also counts a call that the server refuses.
      await expect(start(`${taskQueue}-1`, false)).rejects.toThrow('already started');
      await done.result();
      const failing = await start(`${taskQueue}-2`, true);
      await expect(failing.result()).rejects.toThrow('failed');
      const text = await (await fetch(`http://${bindAddress}/metrics`)).text();
      return [...text.matchAll(/^(temporal_\w+)\{/gm)].map(([, name]) => name!);
    });
    const named = dashboards().flatMap(([, dashboard]) =>
      dashboardExpressions(dashboard).flatMap(({ expr }) => metricNames(expr)),
    );
    const temporal = [...new Set(named)].filter((name) => name.startsWith('temporal_'));
    expect(temporal).not.toEqual([]);
    expect(temporal.filter((name) => !exported.includes(name))).toEqual([]);
  } finally {
    await connection.close();
    await Runtime.instance().shutdown();
  }
}, 60_000);

function noop(): void {
  // Prints nothing, because the assertion shows the failure.
}
