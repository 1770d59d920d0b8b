import { defineStream, messageSchema, type Settings } from 'cloudsync';

/** A stream whose sink accepts every record and never answers. */
export default ({ topic, execution }: Settings) =>
  defineStream({
    name: topic,
    topic,
    schema: messageSchema,
    sink: (_record, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    execution,
  });
