export type Codec = 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Compressed data breaks the rules of its format. Reading it again gives the same error. */
export class CorruptDataError extends Error {
  override readonly name = 'CorruptDataError';

  constructor(
    readonly codec: Codec,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`can't decompress ${codec} data: ${why}`, options);
  }
}

/** Compressed data would unpack to more bytes than the caller allows. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';

  constructor(
    readonly codec: Codec,
    readonly limit: number,
  ) {
    super(`can't decompress ${codec} data: it unpacks to more than ${limit} bytes`);
  }
}
