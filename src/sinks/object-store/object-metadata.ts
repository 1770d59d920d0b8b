import { createHash } from 'node:crypto';
import type { RecordPosition } from '../../domain/record/record';
import type { SinkRecord } from '../../domain/stream/sink';
import { traceContextOf, type TraceContext } from '../../domain/record/trace-context';

/** Metadata of an object. Every store accepts its names: letters, digits and underscores in lower case. */
export type ObjectMetadata = Record<string, string>;

/** Metadata that distinguishes a record's own object from another record's and from another content. */
export function recordMetadata(
  record: SinkRecord,
  trace: TraceContext | undefined = traceContextOf(record),
): ObjectMetadata {
  const { topic, partition, offset, workflowId, value } = record;
  return {
    ...contentMetadata(value),
    cloudsync_record: `${encode(topic)}/${partition}/${offset}`,
    cloudsync_workflow_id: encode(workflowId),
    ...(trace && { cloudsync_traceparent: trace.traceparent }),
  };
}

export function contentMetadata(content: Buffer): ObjectMetadata {
  return { cloudsync_sha256: createHash('sha256').update(content).digest('hex') };
}

/** The record that wrote an object, according to the object's metadata. */
export function writtenBy({ cloudsync_record }: ObjectMetadata): RecordPosition | undefined {
  const [, topic, partition, offset] = /^([^/]+)\/(\d+)\/(\d+)$/.exec(cloudsync_record ?? '') ?? [];
  if (topic === undefined) return undefined;
  return { topic: decode(topic), partition: Number(partition), offset: Number(offset) };
}

/**
 * Encodes a text for metadata, which travels in headers. Visible ASCII stays; all else and `%` and `/` are
 * percent-encoded.
 */
function encode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x2f;
      return plain
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

function decode(text: string): string {
  const bytes = text.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
