import type { ComponentChild } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { visible } from '../lib/unprintable';

/**
 * Renders a whole document. Preact escapes what is markup in texts. Characters that control a screen or mislead a reader
 * are made visible in the whole document at once, so no view can forget them.
 */
export function render(document: ComponentChild): string {
  return `<!doctype html>\n${visible(renderToString(<>{document}</>))}`;
}
