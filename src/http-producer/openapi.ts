import { z } from 'zod';
import type { AnyStream } from '../domain/stream/stream';
import { CONTENT_TYPES } from './drafts';
import { PROBLEM_TYPE } from '../http/problem';

const rejection = z.object({
  index: z.int().min(0).describe('place among the messages of the request, from 0'),
  code: z.enum([
    'InvalidJson',
    'SchemaMismatch',
    'InvalidMessageId',
    'Filtered',
    'FilterFailed',
    'InvalidCloudEvent',
    'RecordTooLarge',
    'NotAcknowledged',
  ]),
  detail: z.string(),
});
const result = z.object({
  accepted: z.int().min(0).describe('messages that all in-sync replicas of the broker have'),
  rejected: z.array(rejection),
});
const problem = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(rejection).optional(),
});
const cloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1),
  source: z.string().min(1).describe('URI reference'),
  type: z.string().min(1),
  time: z.iso.datetime({ offset: true }).optional(),
  data: z.json().optional(),
});

/** Describes the API in OpenAPI 3.1. The messages have the schemas by which they are checked. */
export function openApiDocument(streams: AnyStream[], options: { secured: boolean }) {
  const content = (schema: object, type = 'application/json') => ({ [type]: { schema } });
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const bodies: Record<string, object> = {
    'application/json': { anyOf: [ref('Message'), { type: 'array', items: ref('Message') }] },
    'application/x-ndjson': { type: 'string', description: 'one Message a line' },
    'application/cloudevents+json': ref('CloudEvent'),
    'application/cloudevents-batch+json': { type: 'array', items: ref('CloudEvent') },
  };
  const failure = (description: string, header?: string) => ({
    description,
    content: content(ref('Problem'), PROBLEM_TYPE),
    ...(header && { headers: { [header]: { schema: { type: 'string' } } } }),
  });
  const success = (description: string) => ({ description, content: content(ref('Result')) });
  const schemas = [...new Set(streams.map(({ schema }) => schema))].map(jsonSchema);
  return {
    openapi: '3.1.0',
    info: {
      title: 'CloudSync',
      version: '1',
      description: `Messages into the Kafka topic ${streams[0]!.topic}.`,
    },
    ...(options.secured && { security: [{ token: [] }] }),
    paths: {
      '/v1/messages': {
        post: {
          tags: ['messages'],
          summary: 'Send messages',
          operationId: 'sendMessages',
          requestBody: {
            required: true,
            content: Object.fromEntries(
              CONTENT_TYPES.map((type) => [type, { schema: bodies[type] }]),
            ),
          },
          responses: {
            202: success('The broker has all messages'),
            207: success('The broker has some of the messages'),
            400: failure('No message is valid, or the body can not be read'),
            ...(options.secured
              ? { 401: failure('A bearer token is needed', 'WWW-Authenticate') }
              : { 403: failure('The request is not to localhost by name') }),
            408: failure('The request took too long to arrive'),
            413: failure('The body is too large, or has too many messages'),
            415: failure('The content type, or its encoding, is not one of these'),
            431: failure('The headers are too large'),
            500: failure('Something went wrong in the API'),
            503: failure('Nothing was acknowledged: send it again', 'Retry-After'),
          },
        },
      },
    },
    components: {
      ...(options.secured && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
      schemas: {
        Message: schemas.length === 1 ? schemas[0] : { allOf: schemas },
        CloudEvent: jsonSchema(cloudEvent),
        Result: jsonSchema(result),
        Problem: jsonSchema(problem),
      },
    },
  };
}

/** The schema of the input. Rules that JSON Schema can't express are left open. */
function jsonSchema(schema: z.ZodType): object {
  const converted = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  delete converted.$schema;
  return converted;
}
