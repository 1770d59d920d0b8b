import { KAFKA_IMAGE } from './kafka-versions';
import { kafkaSettings } from './kafka-settings';

const CONTROLLER_PORT = 9093;
const DATA_DIRECTORY = '/var/lib/kafka/data';

export interface KafkaContainer {
  /** Name of the container, and of the volume that holds its data. */
  name: string;
  port: number;
  heap: string;
}

/**
 * Arguments of `docker run` in the foreground. The client forwards signals and the log, and ends with the
 * container. So a container is managed like any other server process.
 */
export function dockerRunArguments({ name, port, heap }: KafkaContainer): string[] {
  const settings = kafkaSettings({
    host: '0.0.0.0',
    port,
    controllerPort: port === CONTROLLER_PORT ? CONTROLLER_PORT + 1 : CONTROLLER_PORT,
    dataDirectory: DATA_DIRECTORY,
  });
  return [
    'run',
    '--rm',
    ...['--name', name],
    // The port inside is the same, so that the broker reaches itself under the address that it advertises.
    ...['--publish', `127.0.0.1:${port}:${port}`],
    ...['--volume', `${name}:${DATA_DIRECTORY}`],
    ...['--env', `KAFKA_HEAP_OPTS=-Xmx${heap}`],
    ...Object.entries(settings).flatMap(([key, value]) => [
      '--env',
      `KAFKA_${key.toUpperCase().replaceAll('.', '_')}=${value}`,
    ]),
    KAFKA_IMAGE,
  ];
}
