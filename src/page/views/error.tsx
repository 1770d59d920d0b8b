import type { JSX } from 'preact';
import type { Problem } from '../../http/problem';
import type { PageContext } from './context';
import { Layout } from './layout';

/** Says why there is no screen. */
export function ErrorView({ problem, page }: { problem: Problem; page: PageContext }): JSX.Element {
  return (
    <Layout title={`${problem.status} ${problem.title}`} page={page}>
      <p class="problem" role="alert">
        {problem.detail}
      </p>
      <p>
        <a href={page.links.to('/')}>Back to the overview</a>
      </p>
    </Layout>
  );
}
