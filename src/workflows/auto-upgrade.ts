import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/**
 * For a workflow that may outlive the version that began it: then nobody would take what is sent to it. The
 * server takes such a word from workers only that take part in Worker Versioning.
 */
export function autoUpgrade(workflow: Parameters<typeof setWorkflowOptions>[1]): void {
  setWorkflowOptions(
    () =>
      workflowInfo().currentDeploymentVersion?.deploymentName
        ? { versioningBehavior: 'AUTO_UPGRADE' }
        : {},
    workflow,
  );
}
