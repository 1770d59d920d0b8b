import { source, type AxeResults, type Result } from 'axe-core';
import type { Page } from 'playwright-core';

const OPTIONS = { resultTypes: ['violations'], iframes: false };

/** Rejects if axe-core has a serious or critical finding on the page as it is now. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await runAxe(page);
  const findings = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  if (findings.length === 0) return;
  throw new Error([`axe-core finds on ${page.url()}:`, ...findings.map(describe)].join('\n'));
}

/**
 * Runs axe-core in an isolated world: it shares the document with the page, but no variables. The page's Content
 * Security Policy does not bind a script that the debugger evaluates.
 */
async function runAxe(page: Page): Promise<AxeResults> {
  const session = await page.context().newCDPSession(page);
  try {
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId } = await session.send('Page.createIsolatedWorld', {
      frameId: frameTree.frame.id,
      worldName: 'axe-core',
    });
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression: `${source}; axe.run(document, ${JSON.stringify(OPTIONS)})`,
      ...{ contextId: executionContextId, awaitPromise: true, returnByValue: true },
    });
    if (exceptionDetails !== undefined) {
      const reason = exceptionDetails.exception?.description ?? exceptionDetails.text;
      throw new Error(`axe-core failed on ${page.url()}: ${reason}`);
    }
    return result.value as AxeResults;
  } finally {
    await session.detach();
  }
}

function describe({ id, impact, help, nodes }: Result): string {
  return [
    `  ${id} (${impact}): ${help}`,
    ...nodes.map(({ html, failureSummary }) => {
      return `    ${html}\n      ${failureSummary?.replaceAll('\n', '\n      ')}`;
    }),
  ].join('\n');
}
