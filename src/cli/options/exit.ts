import { CommanderError } from 'commander';
import { isKafkaUnreachable, kafkaErrorType } from '../../kafka/kafka';
import { errorWithCause, UsageError } from '../../domain/errors';
import { printable } from '../../lib/unprintable';
import { say } from '../output/output';

/** `closedPipe` is what a shell says of `ls` in `ls | head`, which SIGPIPE ends. Node gets no such signal. */
const EXIT = { failed: 1, usage: 2, closedPipe: 141 } as const;

/** What the command has not closed gets this long to end by itself. */
const LAST_WORDS_MS = 500;

let serves = false;

/** A service goes on when nobody reads its output any more: its work is not its output. */
export function serveWithoutReaders(): void {
  serves = true;
}

/**
 * Says what becomes of output that nobody takes. A command ends without a word when the reader of its results has
 * gone. Words for people on stderr may get lost: the command does its work to the end.
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
 * Ends the process when its results are written. A stream module of the user's may hold connections open, and
 * Temporal's runtime, once it has tried to connect, keeps a process alive for ever.
 */
export function finish(): void {
  process.stdout.write('', () => setTimeout(() => process.exit(), LAST_WORDS_MS).unref());
}

/** Says what went wrong and ends the process: 1 failed, 2 wrong usage. */
export function exitWith(error: unknown): void {
  finish();
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
  if (kafkaErrorType(error) === 'ILLEGAL_SASL_STATE') {
    return `Kafka refuses to log in: ${reason}. The listener takes no SASL: name another one (KAFKA_BROKERS), or unset KAFKA_SASL_MECHANISM`;
  }
  // What Temporal's core prints of its own structures behind the message helps nobody.
  const text = reason.replace(/:? ?(?:Status \{|tonic::transport::Error\()[^]*$/, '');
  if (!/^Namespace .*not found/.test(text)) return text;
  return `${text}: name one that Temporal has (TEMPORAL_NAMESPACE), or create it there`;
}
