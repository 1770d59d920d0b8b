import type { JSX } from 'preact';
import type { Problem } from '../../http/problem';
import type { PageContext } from './context';
import { Layout } from './layout';

/** Says why there is no screen, or why an action was refused. */
export function ErrorView({
  problem,
  page,
  again,
}: {
  problem: Problem;
  page: PageContext;
  /** The address of the question whose answer was refused; undefined if it was none. */
  again: string | undefined;
}): JSX.Element {
  return (
    <Layout title={`${problem.status} ${problem.title}`} page={page}>
      <p class="problem" role="alert">
        {problem.detail}
      </p>
      {again !== undefined && (
        <p>
          <a href={again}>Look again</a>
        </p>
      )}
      <p>
        <a href={page.links.to('/')}>Back to the overview</a>
      </p>
    </Layout>
  );
}
