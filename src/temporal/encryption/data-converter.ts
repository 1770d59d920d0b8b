import { extname, join } from 'node:path';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { withoutKeys } from './encryption-codec';

/** The workflow bundle includes this file as well, because a workflow's failure is made there. */
export const FAILURE_CONVERTER = join(
  __dirname,
  '../..',
  'workflows',
  `failure-converter${extname(__filename)}`,
);

/** How every client and worker of a process reads and writes payloads. */
export function dataConverter(codec: PayloadCodec | undefined): DataConverter {
  if (!codec) return { payloadCodecs: [withoutKeys] };
  return { payloadCodecs: [codec], failureConverterPath: FAILURE_CONVERTER };
}

/** Whether a codec changes the payloads. */
export function isEncoded({ payloadCodecs = [] }: DataConverter): boolean {
  return payloadCodecs.some((codec) => codec !== withoutKeys);
}
