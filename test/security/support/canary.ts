/** A secret text that occurs nowhere else. */
export const CANARY = 'cAnArY.5ecret-9Q';

/** All forms of the canary: plain, or encoded on the way to a server. */
const FORMS = [
  CANARY,
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString('hex'),
  // Base64 encodes groups of three bytes, so the form depends on the number of bytes before the canary.
  ...[0, 1, 2].map((before) =>
    Buffer.from('x'.repeat(before) + CANARY)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  ),
];

/** All occurrences of the canary in a text, each with the text around it. */
export function sightings(text: string): string[] {
  return FORMS.flatMap((form) => {
    const at = text.indexOf(form);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 100), at + 100)];
  });
}
