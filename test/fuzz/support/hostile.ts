import fc from 'fast-check';

const NASTY = [
  ...['"', "'", '\\', '\\"', '" OR ""="', '%', '_', '`', ';', '--', '/*', '..', '../', '/', '.'],
  ...['\0', '\r\n', '\u001b[2J', '\u009b2J', '\u202e', '\u2066', '\u2028', '\u061c', '\ud800'],
  ...['__proto__', 'constructor', '{stream}', '~', '%2F', '\u0085', '\ufeff', '\ufffd', '💥', 'é'],
];

/** Text of an attacker who wants to break out of a query, a terminal, a header or a file name. */
export const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary', maxLength: 12 })), {
    maxLength: 8,
  })
  .map((parts) => parts.join(''));

/** Hostile text that may be an id: not empty, and valid in UTF-8. */
export const hostileIds = hostileText.filter((text) => text !== '' && text.isWellFormed());
