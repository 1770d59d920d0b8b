/**
 * Writes the generated sections of the pages in docs/reference from the code that they describe. The other text of these
 * pages is written by hand. With `--check`, says which pages are stale instead.
 */
import { writeFileSync } from 'node:fs';
import { PAGES, pageOf } from './reference/pages';

try {
  const stale = Object.keys(PAGES).filter((name) => {
    const { path, kept, made } = pageOf(name);
    const isStale = made !== kept;
    if (isStale && !process.argv.includes('--check')) writeFileSync(path, made);
    return isStale;
  });
  if (stale.length > 0 && process.argv.includes('--check')) {
    throw new Error(`stale in docs/reference: ${stale.join(', ')}; run "npm run docs:reference"`);
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
