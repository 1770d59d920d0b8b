import type { Links } from '../links';
import type { Assets } from '../assets';

/** What every view of a request needs besides its data. */
export interface PageContext {
  links: Links;
  assets: Assets;
  /** Names of the streams. */
  streams: string[];
  readOnly: boolean;
  /** Who looks, as the audit names the person. */
  user: string;
  /** Whether the viewer has logged in, and may log out. */
  hasLogin: boolean;
  /** What the viewer has just done; undefined if it was nothing. */
  done?: string | undefined;
  /** The address of the screen with all its filters. */
  address: string;
  /** Gives the address of a stream's dashboard in Grafana; undefined if it is not known. */
  dashboardUrl(stream: string): string | undefined;
  /** Gives the address of a workflow's run in Temporal's UI; undefined if the UI's address is not known. */
  workflowUrl(run: { workflowId: string; runId: string }): string | undefined;
}
