import { hexDump } from '../../src/lib/hex-dump';

test('hexDump shows sixteen bytes a line, with their text beside them', () => {
  expect(hexDump(Buffer.from([0, 0, 0, 0, 1, 6, ...Buffer.from('abc-0123456789')]))).toBe(
    [
      '00000000  00 00 00 00 01 06 61 62 63 2d 30 31 32 33 34 35  |......abc-012345|',
      '00000010  36 37 38 39                                      |6789|',
    ].join('\n'),
  );
});

test('hexDump cuts bytes that are too long for a screen, and names their length', () => {
  const lines = hexDump(Buffer.alloc(1_025)).split('\n');
  expect(lines).toHaveLength(65);
  expect(lines.at(-1)).toBe('… 1025 bytes in all; --json has them');
});
