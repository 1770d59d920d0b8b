/**
 * Characters that control a terminal, or mislead a person who reads it: control characters, and characters
 * that change the direction of text or break lines. JSON text may contain all of them except the first 32
 * without escapes.
 */
const UNPRINTABLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Makes text from anybody safe for one line of a terminal: replaces each unprintable character by U+FFFD. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

/**
 * Makes JSON text safe for a terminal: escapes the characters in its strings, and keeps its value. Line
 * breaks between tokens stay.
 */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) =>
    character < ' ' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
