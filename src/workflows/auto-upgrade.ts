import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';

/**
 * Lets a workflow that may outlive the worker version it began in move to the current version. By default a run
 * stays with its version, and no worker would receive its signals and updates once that version is gone. The
 * server accepts a versioning behavior only from workers that take part in Worker Versioning.
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
