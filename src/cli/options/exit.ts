import { CommanderError } from 'commander';
import { isKafkaUnreachable, kafkaErrorType } from '../../kafka/kafka';
import { errorWithCause, UsageError } from '../../domain/errors';
import { printable } from '../../lib/unprintable';
import { say } from '../output/output';
import type { EXIT_CODES } from './exit-codes';

/**
 * Exit codes. `closedPipe` is the code that a shell reports for `ls` in `ls | head`, because SIGPIPE ends `ls`.
 * Node gets no SIGPIPE.
 */
const EXIT = { failed: 1, usage: 2, closedPipe: 141 } as const satisfies Record<
  string,
  keyof typeof EXIT_CODES
>;

/** Connections that the command has not closed get this long to end by themselves. */
const LAST_WORDS_MS = 500;

let serves = false;

/** Lets a service continue when nobody reads its output any more, because its output is not its work. */
export function serveWithoutReaders(): void {
  serves = true;
}

/**
 * Handles output that nobody reads. When the reader of a command's results has gone, the command ends silently. A
 * text for people on stderr may get lost: the command finishes its work all the same.
 */
export function handleOutputErrors(): void {
  let failed = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (serves || failed) return;
    failed = true;
    if (error.code === 'EPIPE') process.exit(EXIT.closedPipe);
    exitWith(new Error("can't write the results", { cause: error }));
  });
  process.stderr.on('error', () => undefined);
}

/**
 * Ends the process when its results are written. A user's stream module may hold connections open. Temporal's
 * runtime also keeps a process alive for ever once it has tried to connect.
 */
export function finish(): void {
  process.stdout.write('', () => setTimeout(() => process.exit(), LAST_WORDS_MS).unref());
}

/** Prints what went wrong and ends the process. Exit code 1: failed; 2: wrong usage. */
export function exitWith(error: unknown): void {
  finish();
  if (error instanceof CommanderError) {
    // Commander has printed the error. Its own exit code for a usage error is 1.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    return;
  }
  const usage = error instanceof UsageError;
  // The text may come from a server and goes to a terminal, so it is made printable. Each line is made printable
  // on its own, because texts of this project have several lines.
  const text = usage ? error.message : reasonOf(error);
  say(`cloudsync: ${text.split('\n').map(printable).join('\n')}`);
  process.exitCode = usage ? EXIT.usage : EXIT.failed;
}

function reasonOf(error: unknown): string {
  const reason = errorWithCause(error);
  if (isKafkaUnreachable(error)) {
    return `can't reach Kafka (KAFKA_BROKERS): ${reason}; name a broker that answers, or start servers here with "cloudsync dev up"`;
  }
  if (kafkaErrorType(error) === 'ILLEGAL_SASL_STATE') {
    return `Kafka refuses to log in: ${reason}. The listener does not use SASL: name another one (KAFKA_BROKERS), or unset KAFKA_SASL_MECHANISM`;
  }
  // Temporal's core adds a dump of its own structures to the message, which helps nobody.
  const text = reason.replace(/:? ?(?:Status \{|tonic::transport::Error\()[^]*$/, '');
  if (!/^Namespace .*not found/.test(text)) return text;
  return `${text}: name one that Temporal has (TEMPORAL_NAMESPACE), or create it there`;
}
