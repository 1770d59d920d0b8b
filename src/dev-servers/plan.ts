import { installedTools, type Tools } from './cache/tools';
import { wayToKafka, type KafkaWay } from './kafka/provision-kafka';
import { KAFKA_IMAGE, KAFKA_VERSION } from './kafka/kafka-versions';
import { together } from './process/together';
import { status, type ServerStatus } from './status';
import { wayToTemporal, type TemporalWay } from './temporal/provision-temporal';
import type { UpOptions } from './common/up-options';

/** Tells what `up` will do about one server. */
export interface ServerPlan {
  server: 'Kafka' | 'Temporal';
  /** The rest of a sentence that begins with the server's name. */
  how: string;
  /** A rough estimate; 0 if nothing has to be started. */
  seconds: number;
}

type Step = Omit<ServerPlan, 'server'>;

const TO_KAFKA: Record<KafkaWay, Step> = {
  cache: { how: `${KAFKA_VERSION} is started, from the cache`, seconds: 15 },
  maven: {
    how: `${KAFKA_VERSION} is downloaded with Maven (55 MB, the first time only) and started`,
    seconds: 45,
  },
  image: { how: `is started by Docker, from its image ${KAFKA_IMAGE}`, seconds: 20 },
  pull: {
    how: `is started by Docker, which pulls the image ${KAFKA_IMAGE} (the first time only)`,
    seconds: 60,
  },
};

const TO_TEMPORAL: Record<TemporalWay, Step> = {
  path: { how: 'is started, by the program temporal on PATH', seconds: 5 },
  cache: { how: 'is started, from the cache', seconds: 5 },
  download: {
    how: 'is downloaded from temporal.download (the first time only) and started',
    seconds: 45,
  },
  go: { how: 'is built with Go (the first time only) and started', seconds: 200 },
};

/**
 * Tells what `up` will do with the same options. The plan starts nothing and loads nothing. It throws one error that
 * names each server for which there is no way.
 */
export async function upPlan(
  options: Pick<UpOptions, 'directory' | 'cacheDirectory' | 'given' | 'ports' | 'download'>,
  tools: Tools = installedTools,
): Promise<ServerPlan[]> {
  const { directory, cacheDirectory, ports, download = true } = options;
  const { brokers, temporalAddress } = options.given;
  const [kafka, temporal] = await status({ directory, ports });
  const plans = await together([
    stepOf(
      brokers?.join(','),
      kafka,
      async () => TO_KAFKA[await wayToKafka(cacheDirectory, tools)],
    ),
    stepOf(
      temporalAddress,
      temporal,
      async () => TO_TEMPORAL[await wayToTemporal({ cacheDirectory, download }, tools)],
    ),
  ]);
  return [
    { server: 'Kafka', ...plans[0] },
    { server: 'Temporal', ...plans[1] },
  ];
}

async function stepOf(
  given: string | undefined,
  found: ServerStatus | undefined,
  start: () => Promise<Step>,
): Promise<Step> {
  if (given !== undefined)
    return { how: `is the one at ${given}, as the environment says`, seconds: 0 };
  if (found?.running) return { how: `runs on ${found.address} already`, seconds: 0 };
  return start();
}
