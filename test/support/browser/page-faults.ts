import type { BrowserContext, Page } from 'playwright-core';

/**
 * Collects what no page may do: errors on the console, errors of scripts, violations of the Content Security Policy,
 * and requests to another origin. The list grows while the context lives.
 */
export function watchFaults(context: BrowserContext, origin: string): string[] {
  const faults: string[] = [];
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    const { url, lineNumber } = message.location();
    // The browser asks for this file by itself, once for an origin, if no page has named an icon.
    if (url === `${origin}/favicon.ico`) return;
    const text = message.text();
    const kind = text.includes('Content Security Policy') ? 'CSP violation' : 'console error';
    faults.push(`${kind}: ${text} (${url}:${lineNumber + 1})`);
  });
  context.on('weberror', (error) => faults.push(`page error: ${String(error.error())}`));
  context.on('request', (request) => {
    if (leaves(request.url(), origin)) {
      faults.push(`request to another origin: ${request.method()} ${request.url()}`);
    }
  });
  context.on('page', (page) => watchPage(page, origin, faults));
  return faults;
}

function watchPage(page: Page, origin: string, faults: string[]): void {
  page.on('crash', () => faults.push(`page crash: ${page.url()}`));
  page.on('websocket', (socket) => {
    if (leaves(socket.url().replace(/^ws/, 'http'), origin)) {
      faults.push(`request to another origin: web socket ${socket.url()}`);
    }
  });
}

/** Addresses such as `data:` and `blob:` hold their content themselves, so they lead nowhere. */
function leaves(url: string, origin: string): boolean {
  const { protocol, origin: of } = new URL(url);
  return ['http:', 'https:'].includes(protocol) && of !== origin;
}
