/** A secret that nothing else looks like. */
export const CANARY = 'cAnArY.5ecret-9Q';

/** The canary as it may be written: as it is, or encoded on the way to a server. */
const FORMS = [
  CANARY,
  encodeURIComponent(CANARY),
  Buffer.from(CANARY).toString('hex'),
  // Whatever stands before it moves it against the groups of three bytes.
  ...[0, 1, 2].map((before) =>
    Buffer.from('x'.repeat(before) + CANARY)
      .toString('base64')
      .slice(before === 0 ? 0 : 4, -4),
  ),
];

/** Places in a text where the canary can be read, with what stands around them. */
export function sightings(text: string): string[] {
  return FORMS.flatMap((form) => {
    const at = text.indexOf(form);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 100), at + 100)];
  });
}
