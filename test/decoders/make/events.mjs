// Writes CloudEvents as the JavaScript SDK does: one line of JSON a record, key, headers and value as Base64.
import { CloudEvent, Kafka } from 'cloudevents';

// kafkajs writes a header without a value if its value is undefined.
const base64 = (data) => (data == null ? null : Buffer.from(data).toString('base64'));

function write(name, { key, headers, value }) {
  const entries = Object.entries(headers).map(([header, text]) => [header, base64(text)]);
  // The SDK leaves an event's JSON data as an object.
  const isObject = typeof value === 'object' && !(value instanceof Uint8Array) && value !== null;
  const bytes = isObject ? JSON.stringify(value) : value;
  const record = {
    name,
    key: base64(key),
    headers: Object.fromEntries(entries),
    value: base64(bytes),
  };
  console.log(JSON.stringify(record));
}

const attributes = {
  ...{ id: '1', source: '/shop/a', type: 'order.created', subject: 'o-1', partitionkey: 'o-1' },
  time: '2026-11-30T10:00:00.000Z',
};
const event = (datacontenttype, data) => new CloudEvent({ ...attributes, datacontenttype, data });
const json = event('application/json', { total: 1.5 });
const text = event('text/plain', 'hello');
const bytes = event('application/octet-stream', new Uint8Array([0, 255]));

write('js binary json', Kafka.binary(json));
write('js structured', Kafka.structured(json));
write('js structured text', Kafka.structured(text));
write('js binary text', Kafka.binary(text));
write('js structured bytes', Kafka.structured(bytes));
write('js binary no data', Kafka.binary(new CloudEvent(attributes)));
