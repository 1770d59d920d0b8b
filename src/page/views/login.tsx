import type { JSX } from 'preact';
import type { PageContext } from './context';
import { Layout } from './layout';

/** Asks for a token. `next`: where to go then. */
export function Login({
  page,
  next,
  isWrong,
}: {
  page: PageContext;
  next: string;
  isWrong: boolean;
}): JSX.Element {
  return (
    <Layout title="Log in" page={page}>
      {isWrong && (
        <p class="problem" role="alert">
          This is not one of the tokens. Copy the whole token, not its hash.
        </p>
      )}
      <form method="post" action={page.links.to('/login')}>
        <input type="hidden" name="next" value={next} />
        <label>
          Token
          <input type="password" name="token" autoComplete="current-password" required autoFocus />
        </label>
        <button type="submit">Log in</button>
      </form>
      <p class="quiet">
        Those who run the page make a token with <code>cloudsync api token</code>, and put its hash
        into CLOUDSYNC_PAGE_TOKENS. If you came by a link and have logged in already,{' '}
        <a href={next}>open the page again</a>.
      </p>
    </Layout>
  );
}
