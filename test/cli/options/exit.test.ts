// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- to make its errors
import {
  KafkaJSConnectionError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
} from 'kafkajs';
import { exitWith } from '../../../src/cli/options/exit';
import { UsageError } from '../../../src/domain/errors';

let said: string;
let exits: number;

beforeEach(() => {
  jest.useFakeTimers();
  said = '';
  exits = 0;
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((said += String(text)), true));
  // The results are written.
  jest.spyOn(process.stdout, 'write').mockImplementation((_, written) => {
    (written as unknown as () => void)();
    return true;
  });
  jest.spyOn(process, 'exit').mockImplementation((() => exits++) as never);
});
afterEach(() => {
  process.exitCode = undefined;
  jest.restoreAllMocks();
  jest.useRealTimers();
});

test.each([
  [new UsageError('port 1 is taken'), 2, 'cloudsync: port 1 is taken\n'],
  [new Error('no', { cause: new Error('why') }), 1, 'cloudsync: no: why\n'],
  [
    new Error('Namespace nope was not found: Status { code: NotFound, details: b"\\x08" }'),
    1,
    'cloudsync: Namespace nope was not found: name one that Temporal has (TEMPORAL_NAMESPACE), or create it there\n',
  ],
  [
    new KafkaJSProtocolError(
      Object.assign(new Error('Request is not valid given the current SASL state'), {
        ...{ type: 'ILLEGAL_SASL_STATE', code: 34, retriable: false },
      }),
    ),
    1,
    'cloudsync: Kafka refuses to log in: Request is not valid given the current SASL state. The listener does not use SASL: name another one (KAFKA_BROKERS), or unset KAFKA_SASL_MECHANISM\n',
  ],
  [
    new KafkaJSNumberOfRetriesExceeded(new KafkaJSConnectionError('refused'), {
      retryCount: 5,
      retryTime: 1,
    }),
    1,
    'cloudsync: can\'t reach Kafka (KAFKA_BROKERS): refused; name a broker that answers, or start servers here with "cloudsync dev up"\n',
  ],
])(
  'exitWith ends the process on %s, even if something keeps the event loop alive',
  (error, code, text) => {
    exitWith(error);
    expect([process.exitCode, said]).toEqual([code, text]);
    jest.runAllTimers();
    expect(exits).toBe(1);
  },
);
