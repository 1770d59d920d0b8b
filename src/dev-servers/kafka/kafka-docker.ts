import { KAFKA_IMAGE } from './kafka-versions';
import { kafkaSettings } from './kafka-settings';

const CONTROLLER_PORT = 9093;
const DATA_DIRECTORY = '/var/lib/kafka/data';

export interface KafkaContainer {
  /** Of the container and of the volume that holds its data. */
  name: string;
  port: number;
  heap: string;
}

/**
 * Arguments of `docker run` in the foreground: the client hands signals and log on, and ends with
 * the container, so a container is looked after like any other server process.
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
    // The same port inside, so that the broker reaches itself under the address it advertises.
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
