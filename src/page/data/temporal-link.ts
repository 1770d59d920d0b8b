import type { Client } from '@temporalio/client';
import { installTemporalRuntime } from '../../temporal/runtime';
import {
  connectTemporal,
  type TemporalClient,
  type TemporalSettings,
} from '../../temporal/temporal';
import type { Logger } from '../../telemetry/logger';

/** How long one question to Temporal may take. */
const DEADLINE_MS = 15_000;

/** A connection to Temporal that is made when it is first needed, so that the page starts while Temporal is away. */
export class TemporalLink {
  #connected: Promise<TemporalClient> | undefined;
  #isClosed = false;

  constructor(
    private readonly settings: TemporalSettings,
    private readonly logger: Logger,
  ) {}

  /** A client without a deadline, for work of many calls. */
  async client(): Promise<Client> {
    if (this.#isClosed) throw new Error('the page stops');
    return (await (this.#connected ??= this.#connect())).client;
  }

  /** Asks Temporal. Rejects if Temporal can't be reached, or if the answer takes longer than 15 s. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.client();
    return client.withDeadline(Date.now() + DEADLINE_MS, () => question(client));
  }

  async #connect(): Promise<TemporalClient> {
    installTemporalRuntime(this.logger);
    try {
      return await connectTemporal(this.settings);
    } catch (error) {
      // The next question tries again.
      this.#connected = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connected?.then(
      (connected) => connected.close(),
      () => undefined,
    );
  }
}
