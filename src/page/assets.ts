import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';

/** The addresses of the files that the screens load, below the page's own address. */
export interface Assets {
  style: string;
  htmx: string;
  script: string;
  icon: string;
  /** What plots need besides. */
  plots: { style: string; uplot: string; script: string };
}

/** The package and a checkout have this folder at the same place. */
const FOLDER = join(__dirname, '..', '..', 'assets', 'page');
const TYPES = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};
const YEAR_SECONDS = 31_536_000;

/**
 * Serves the style sheets, the scripts, htmx and uPlot from memory. The name of each file has a hash of its content, so a browser may
 * keep the file.
 */
export function addAssets(app: FastifyInstance): Assets {
  const serve = (path: string, name: string, end: keyof typeof TYPES) => {
    const content = readFileSync(path);
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
    const address = `/assets/${name}-${hash}.${end}`;
    app.get(address, (_, reply) =>
      reply
        .header('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`)
        .type(TYPES[end])
        .send(content),
    );
    return address;
  };
  const htmx = join(dirname(require.resolve('htmx.org')), 'htmx.min.js');
  const uplot = dirname(require.resolve('uplot'));
  return {
    style: serve(join(FOLDER, 'page.css'), 'page', 'css'),
    htmx: serve(htmx, 'htmx', 'js'),
    script: serve(join(FOLDER, 'page.js'), 'page', 'js'),
    icon: serve(join(FOLDER, 'icon.svg'), 'icon', 'svg'),
    plots: {
      style: serve(join(uplot, 'uPlot.min.css'), 'uplot', 'css'),
      uplot: serve(join(uplot, 'uPlot.iife.min.js'), 'uplot', 'js'),
      script: serve(join(FOLDER, 'plots.js'), 'plots', 'js'),
    },
  };
}
