import { CommanderError } from 'commander';
import { isKafkaUnreachable } from '../clients/kafka';
import { errorWithCause, UsageError } from '../domain/errors';
import { printable } from '../unprintable';
import { say } from './output';

const EXIT = { failed: 1, usage: 2 } as const;

/** Results on their way into a pipe get this long. */
const LAST_WORDS_MS = 500;

/** Says what went wrong and ends the process: 1 failed, 2 wrong usage. */
export function exitWith(error: unknown): void {
  // Temporal's runtime, once it has tried to connect, keeps a process alive for ever.
  setTimeout(() => process.exit(), LAST_WORDS_MS);
  if (error instanceof CommanderError) {
    // Commander has said it; its own exit code for a usage error is 1.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  const usage = error instanceof UsageError;
  // What a server says goes to a terminal: line by line, as several lines are ours.
  const text = usage ? error.message : reasonOf(error);
  say(`cloudsync: ${text.split('\n').map(printable).join('\n')}`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}

function reasonOf(error: unknown): string {
  const reason = errorWithCause(error);
  if (isKafkaUnreachable(error)) return `can't reach Kafka (KAFKA_BROKERS): ${reason}`;
  // What Temporal's core prints of its own structures behind the message helps nobody.
  return reason.replace(/:? ?(?:Status \{|tonic::transport::Error\()[^]*$/, '');
}
