/** Debian packages of fonts. Without a font Chromium draws no text. */
export const FONT_PACKAGES = ['fonts-liberation', 'fonts-dejavu-core'];

/** The fonts for names that style sheets and Chromium's own settings use. */
const ALIASES = {
  'Liberation Sans': ['sans-serif', 'sans', 'system-ui', 'Arial', 'Helvetica'],
  'Liberation Serif': ['serif', 'Times', 'Times New Roman'],
  'Liberation Mono': ['monospace', 'Courier', 'Courier New'],
};

/**
 * Settings of fontconfig for a file in the root of the unpacked packages. They name the fonts there first, so that
 * screenshots look the same on each machine. They name the machine's fonts too, because apt leaves out font packages
 * that the machine already has.
 */
export const FONTCONFIG = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <match><edit name="family" mode="append_last"><string>Liberation Sans</string></edit></match>
${Object.entries(ALIASES)
  .flatMap(([font, families]) => {
    const prefer = `<prefer><family>${font}</family><family>DejaVu Sans</family></prefer>`;
    return families.map((family) => {
      return `  <alias binding="same"><family>${family}</family>${prefer}</alias>`;
    });
  })
  .join('\n')}
</fontconfig>
`;
