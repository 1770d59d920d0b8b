import { message, uniqueName, until, World } from '../support/world';

const deploymentName = uniqueName('deployment');
/** The world of one process: the same servers, with a build id of its own. */
const build = (buildId: string) =>
  new World({
    ...process.env,
    CLOUDSYNC_WORKER_DEPLOYMENT: deploymentName,
    CLOUDSYNC_WORKER_BUILD_ID: buildId,
  });

const [first, second] = [build('1'), build('2')];
afterAll(() => Promise.all([first.close(), second.close()]));

/** Makes a version current, as an operator does with `temporal worker deployment set-current-version`. */
async function makeCurrent(buildId: string): Promise<void> {
  const { client } = await first.temporal();
  const { namespace } = first.settings.temporal;
  const describe = () =>
    client.workflowService.describeWorkerDeployment({ namespace, deploymentName });
  // The server learns of a version from its workers' polls.
  await until(`version ${buildId} is known`, async () => {
    const { workerDeploymentInfo: info } = await describe().catch(() => ({
      workerDeploymentInfo: undefined,
    }));
    return !!info?.versionSummaries?.some((one) => one.deploymentVersion?.buildId === buildId);
  });
  await client.workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    deploymentName,
    buildId,
    ignoreMissingTaskQueues: true,
  });
}

/** The build id of a record's first workflow task, and the workflow's versioning behaviour. */
async function versionOf(workflowId: string) {
  const { client } = await first.temporal();
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const { versioningInfo } = raw.workflowExecutionInfo!;
  return {
    behavior: versioningInfo?.behavior,
    buildId: versioningInfo?.deploymentVersion?.buildId,
  };
}

const PINNED = 1;

test('records run pinned to the version of their bridge worker, before and after another version becomes current', async () => {
  const { stream, sink } = await first.stream({ partitions: 1 });
  const old = await first.bridge(stream);
  await makeCurrent('1');
  await first.send(stream.topic, [message('a')]);
  await until('delivered', () => sink.objects.has('a'));
  const id = (messageId: string, offset: number) => `${stream.name}-${messageId}-${offset}`;
  await until('ended', async () => (await first.workflowStatus(id('a', 0))) === 'COMPLETED');
  expect(await versionOf(id('a', 0))).toEqual({ behavior: PINNED, buildId: '1' });

  await old.stop();
  const next = await second.bridge(stream);
  await makeCurrent('2');
  await first.send(stream.topic, [message('b')]);
  await until('delivered', () => sink.objects.has('b'));
  await until('ended', async () => (await first.workflowStatus(id('b', 1))) === 'COMPLETED');
  expect(await versionOf(id('b', 1))).toEqual({ behavior: PINNED, buildId: '2' });
  // Eager starts have the version too.
  const { values } = await next.metrics.startSeconds.get();
  const eager = values.filter(({ metricName }) => metricName?.endsWith('_count'));
  expect(eager).toMatchObject([
    { value: 1, labels: { eager: 'true' } },
    { value: 0, labels: { eager: 'false' } },
  ]);
}, 120_000);
