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

/** Control characters that text does not have. Binary bytes are often valid UTF-8 by chance. */
// eslint-disable-next-line no-control-regex
const BINARY = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]/;

/** Whether text that was decoded from bytes has characters that no text has. */
export function looksBinary(text: string): boolean {
  return BINARY.test(text);
}

/**
 * Characters that a screen does not show, or that change how it shows others: controls except tab and line feed, formats
 * such as direction marks and zero-width spaces, separators of lines and paragraphs, and halves of surrogate pairs.
 */
const INVISIBLE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Makes each invisible character of a text visible by its number, as in `⟨U+202E⟩`. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => {
    const number = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${number}⟩`;
  });
}
