import { clientIdFault } from '../../src/kafka/client-id';

test.each([
  ['a', 255],
  ['話', 85],
  ['\u0001', 42],
])(
  'a client id of the character %j may have %i characters, because its bytes in JSON count',
  (character, times) => {
    expect(clientIdFault(character.repeat(times))).toBeUndefined();
    expect(clientIdFault(character.repeat(times + 1))).toMatch(
      /takes \d+ bytes in JSON, at most 255 are allowed, because .*: choose a shorter id/,
    );
  },
);
