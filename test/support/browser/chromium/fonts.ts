/** Debian packages of fonts. Without a font Chromium draws no text. */
export const FONT_PACKAGES = ['fonts-liberation', 'fonts-dejavu-core'];

const ALIASES = {
  'sans-serif': 'Liberation Sans',
  'system-ui': 'Liberation Sans',
  serif: 'Liberation Serif',
  monospace: 'Liberation Mono',
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
${Object.entries(ALIASES)
  .map(([family, font]) => {
    const prefer = `<prefer><family>${font}</family><family>DejaVu Sans</family></prefer>`;
    return `  <alias binding="strong"><family>${family}</family>${prefer}</alias>`;
  })
  .join('\n')}
</fontconfig>
`;
