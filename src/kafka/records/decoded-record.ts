import type { KafkaRecord } from '../../domain/record/record';
import { ByteReader, CorruptRecordError } from './byte-reader';

type Headers = KafkaRecord['headers'];

/**
 * A record whose key and value are slices of the fetched bytes. Its headers are decoded only when they are read,
 * because most streams never read them.
 */
export class DecodedRecord implements KafkaRecord {
  readonly #source: Buffer;
  readonly #headersAt: number;
  readonly #headersEnd: number;
  #headers: Headers | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    readonly timestamp: number,
    readonly key: Buffer | null,
    readonly value: Buffer | null,
    source: Buffer,
    headersAt: number,
    headersEnd: number,
    readonly exactTimestamp: string | undefined,
  ) {
    this.#source = source;
    this.#headersAt = headersAt;
    this.#headersEnd = headersEnd;
  }

  get headerBytes(): number {
    return this.#headersEnd - this.#headersAt;
  }

  get headers(): Headers {
    return (this.#headers ??= decodeHeaders(new ByteReader(this.#source, this.#headersAt)));
  }
}

function decodeHeaders(reader: ByteReader): Headers {
  const count = reader.varint();
  const headers: Headers = [];
  for (let i = 0; i < count; i++) {
    const name = reader.slice(reader.varint())!;
    headers.push([name.toString('utf8'), reader.slice(reader.varint())]);
  }
  return headers;
}

/** Checks the lengths of all headers, so that decoding them later can't fail. */
export function skipHeaders(reader: ByteReader): void {
  const count = reader.varint();
  if (count < 0) throw new CorruptRecordError(`a record has ${count} headers`);
  for (let i = 0; i < count; i++) {
    const name = reader.varint();
    if (name < 0) throw new CorruptRecordError('a header has no name');
    reader.skip(name);
    const value = reader.varint();
    if (value > 0) reader.skip(value);
  }
}
