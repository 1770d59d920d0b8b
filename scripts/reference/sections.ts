/** The generated sections of a page, by the name that the page has for each. */
export type Sections = Readonly<Record<string, string>>;

const SECTION = /(<!-- generated: (.+) -->\n)[^]*?(<!-- end -->)/g;

/**
 * Writes the sections into a page, each between `<!-- generated: NAME -->` and `<!-- end -->`. All other text stays. Throws
 * if the page has no place for a section, or a place for a section that does not exist.
 */
export function fillIn(page: string, sections: Sections): string {
  const places = [...page.matchAll(SECTION)].map(([, , name]) => name!);
  const names = Object.keys(sections);
  const missing = names.filter((name) => !places.includes(name));
  if (missing.length > 0) {
    throw new Error(
      `no place for ${missing.join(', ')}: add <!-- generated: ${missing[0]} --> and <!-- end -->`,
    );
  }
  const unknown = places.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`nothing generates ${unknown.join(', ')}`);
  return page.replace(
    SECTION,
    (_, begin: string, name: string, end: string) => `${begin}\n${sections[name]}\n\n${end}`,
  );
}
