import type { ComponentChildren, JSX } from 'preact';
import type { PageContext } from './context';

/** htmx must not add styles of its own, run code from attributes, or keep values of records in the browser's storage. */
const HTMX_CONFIG = JSON.stringify({
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  // A process that is frozen does not answer either.
  timeout: 20_000,
});

const SCREENS: [path: string, name: string][] = [
  ['/', 'Overview'],
  ['/dead-letters', 'Dead letters'],
  ['/waiting', 'Waiting'],
  ['/replays', 'Replays'],
  ['/audit', 'Audit'],
  ['/trace', 'Trace'],
];

/** The frame of every screen. `refreshes`: the script loads the part inside again every few seconds, but not `lasting`. */
export function Layout({
  title,
  page,
  refreshes = false,
  lasting,
  children,
}: {
  title: string;
  page: PageContext;
  refreshes?: boolean;
  lasting?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const { links, assets } = page;
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="htmx-config" content={HTMX_CONFIG} />
        <title>{`${title} – CloudSync`}</title>
        <link rel="icon" type="image/svg+xml" href={links.to(assets.icon)} />
        <link rel="stylesheet" href={links.to(assets.style)} />
        <script src={links.to(assets.htmx)} defer />
        <script src={links.to(assets.script)} defer />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <a href={links.to('/')}>CloudSync</a>
          <nav aria-label="Screens">
            <ul>
              {SCREENS.map(([path, name]) => (
                <li>
                  <a
                    href={links.to(path)}
                    aria-current={isCurrent(page, path) ? 'page' : undefined}
                  >
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          {refreshes && (
            <button type="button" data-refresh-button hidden aria-pressed="false">
              Refresh every 5 s
            </button>
          )}
          {page.hasLogin && page.user !== '' && <span class="quiet">{page.user}</span>}
          {page.hasLogin && (
            <form method="post" action={links.to('/logout')}>
              <button type="submit">Log out</button>
            </form>
          )}
        </header>
        <main id="main" tabIndex={-1}>
          <h1>{title}</h1>
          {page.done !== undefined && (
            <p class="done" role="status">
              {page.done}
            </p>
          )}
          {refreshes && (
            <p class="problem" role="alert" data-lost hidden>
              The page does not answer since <time dateTime="">a moment</time>. What stands here is
              of before. It asks again every 5 s.
            </p>
          )}
          <div id="live" data-refresh={refreshes ? '' : undefined}>
            {children}
          </div>
          {lasting}
        </main>
        <footer>
          {page.readOnly ? 'This page only shows. ' : ''}
          Every screen answers JSON to <code>accept: application/json</code>.{' '}
          <span data-zone>Times are in UTC.</span>
        </footer>
      </body>
    </html>
  );
}

function isCurrent({ links, address }: PageContext, path: string): boolean {
  return address.split('?')[0] === links.to(path);
}
