/**
 * Characters that steer a terminal or what a person reads in it: controls, and those that turn the
 * direction of text or break lines. JSON text leaves all but the first 32 as they are.
 */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text from anybody, on one line of a terminal. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

/** JSON text with the same value, whose strings can't steer a terminal. Line breaks between tokens stay. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character < ' ' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
