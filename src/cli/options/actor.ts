import type { AnyStream } from '../../domain/stream/stream';
import type { Kafka } from '../../kafka/kafka';
import { printable } from '../../lib/unprintable';
import type { Actor } from '../../operations/actions/audited';
import { operator } from '../../operations/operator';
import { say } from '../output/output';

/** Whoever runs the command. */
export function commandActor(kafka: Kafka, stream: AnyStream): Actor {
  const onNotice = (text: string) => say(printable(text));
  return { kafka, stream, by: operator(), via: 'command', onNotice };
}
