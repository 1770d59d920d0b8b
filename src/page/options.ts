import type { FastifyRequest } from 'fastify';
import type { AnyStream } from '../domain/stream/stream';
import type { TokenHash } from '../http/tokens';
import type { KafkaSettings } from '../kafka/kafka';
import type { TemporalSettings } from '../temporal/temporal';
import type { Logger } from '../telemetry/logger';

/**
 * What a request wants to do. `view`: see a screen. `viewValue`: see the value of a record. `replay` includes to stop and to
 * resume a replay, `discard` includes to take that back.
 */
export type PageAction =
  'view' | 'viewValue' | 'pause' | 'resume' | 'replay' | 'discard' | 'giveUp';

/** Options of {@link operatorPage}. */
export interface OperatorPageOptions {
  /** The streams that the page shows. */
  streams: AnyStream[];
  /** How to reach Kafka; `loadSettings` reads it from `KAFKA_*`. */
  kafka: KafkaSettings;
  /** How to reach Temporal; `loadSettings` reads it from `TEMPORAL_*`. */
  temporal: TemporalSettings;
  /** Whether the page only shows, and has no actions. Default: false. */
  readOnly?: boolean;
  /**
   * Decides whether a request is let in, in place of tokens: for a program that knows its users already. Default:
   * whoever has one of `tokens` is let in; without tokens, whoever asks for a name of this machine.
   */
  authorize?: (request: FastifyRequest, action: PageAction) => boolean | Promise<boolean>;
  /**
   * Says who makes a request, for the audit. Needed with `authorize`, unless the page is read-only. Default: the name of the
   * request's token, or who runs this process if there are no tokens.
   */
  user?: (request: FastifyRequest) => string;
  /**
   * A header in which a proxy in front of the page names the person, such as `x-forwarded-user`. The proxy must
   * replace what the browser sends. Default: none. Ignored with `user`.
   */
  userHeader?: string;
  /** Tokens that people log in with. Ignored with `authorize`. Default: none. */
  tokens?: TokenHash[];
  /** Address of Temporal's UI, without a slash at its end. Default: the page has no links to workflows. */
  temporalUi?: string;
  /** Address of a Grafana dashboard with a variable `stream`, for plots of more than 15 minutes. Default: no link. */
  grafana?: string;
  /** Receives what goes wrong. Default: a logger of warnings. */
  logger?: Logger;
}
