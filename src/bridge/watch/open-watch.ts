import type { Client } from '@temporalio/client';
import { describeStuck, slowWorkflows, type SlowWorkflows } from '../../temporal/open-workflows';
import { errorMessage } from '../../domain/errors';
import type { AnyStream } from '../../domain/stream/stream';
import type { Logger } from '../../telemetry/logger';
import type { Metrics } from '../../telemetry/metrics';

const INTERVAL_MS = 15_000;
/** The time limit for all requests of one check. */
const DEADLINE_MS = 10_000;
/** After this many failed checks in a row, the result of the last successful check is no longer shown. */
const MAX_FAILURES = 3;
/** How many workflows each check asks what they wait for. */
const MAX_LOOKED_AT = 20;

/**
 * Checks every 15 s which workflows of a stream stay open, whichever process started them. It shows the error for which
 * they are retried, and whether their workflow task fails. No other part of this process notices a failing task.
 */
export class OpenWatch {
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #found: SlowWorkflows | undefined;
  #failures = 0;

  constructor(
    private readonly stream: AnyStream,
    private readonly client: Client,
    private readonly metrics: Pick<Metrics, 'stuckWorkflows' | 'oldestOpenSeconds'>,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#found = undefined;
  }

  /** Notices for people. They do not change the readiness of the process, because a restart would not help. */
  notices(): Record<string, string> {
    const { stuck, retrying, count, lookedAt } =
      (this.#failures < MAX_FAILURES && this.#found) || {};
    const { name } = this.stream;
    return {
      ...(stuck && { [`stuck ${name}`]: describeStuck(stuck) }),
      ...(retrying && {
        [`retrying ${name}`]: `${retrying.count} of ${lookedAt} workflows that were looked at, of ${count} that are open for more than 5 s, wait for another attempt, the oldest since ${retrying.since}: ${retrying.errorType ?? 'Error'}: ${retrying.errorMessage}`,
      }),
    };
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { name } = this.stream;
    try {
      const known = this.#found?.stuck?.workflowIds;
      const options = { limit: MAX_LOOKED_AT, ...(known && { known }) };
      const found = await this.client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
        slowWorkflows(this.client, this.stream, options),
      );
      // Without a timer, this watch was stopped during the request.
      if (this.#timer) this.#tell(found);
    } catch (error) {
      const fields = { stream: name, error: errorMessage(error) };
      this.logger.debug(fields, 'Could not ask for workflows that stay open');
      if (++this.#failures === MAX_FAILURES) this.#forget();
    } finally {
      this.#looking = false;
    }
  }

  /** Removes the metrics, because their last values are too old. */
  #forget(): void {
    const stream = this.stream.name;
    this.metrics.stuckWorkflows.remove({ stream });
    this.metrics.oldestOpenSeconds.remove({ stream });
  }

  #tell(found: SlowWorkflows): void {
    const stream = this.stream.name;
    this.#failures = 0;
    const { stuck, since } = found;
    if (stuck && !this.#found?.stuck) {
      this.logger.error({ stream, ...stuck }, 'Workflows are stuck: their workflow task fails');
    }
    this.#found = found;
    this.metrics.stuckWorkflows.set({ stream }, stuck?.count ?? 0);
    const ageMs = since === null ? 0 : Math.max(Date.now() - Date.parse(since), 0);
    this.metrics.oldestOpenSeconds.set({ stream }, ageMs / 1_000);
  }
}
