import type { Payload } from '@temporalio/common';
import { z } from 'zod';

/** Bytes in the JSON of Protocol Buffers: base64 of either alphabet, with or without padding. */
const bytes = z
  .string()
  .regex(/^[A-Za-z0-9+/_-]*={0,2}$/, 'must be base64')
  .transform((text) => Buffer.from(text, 'base64'));

const schema = z.object({
  payloads: z
    .array(
      z.object({
        metadata: z.record(z.string(), bytes).nullish(),
        data: bytes.nullish(),
      }),
    )
    .nullish(),
});

/** Reads `temporal.api.common.v1.Payloads` from its JSON. Returns a text if the JSON is wrong. */
export function payloadsFromJson(json: unknown): Payload[] | string {
  const result = schema.safeParse(json);
  if (!result.success) return z.prettifyError(result.error);
  return (result.data.payloads ?? []).map(({ metadata, data }) => ({
    metadata: metadata ?? {},
    data: data ?? Buffer.alloc(0),
  }));
}

export function payloadsToJson(payloads: Payload[]) {
  const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
  return {
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)]),
      ),
      data: base64(data ?? new Uint8Array()),
    })),
  };
}
