import type { JSX } from 'preact';
import type { SeriesName } from '../history/stream-history';
import type { PageContext } from './context';

interface Line {
  series: SeriesName;
  text: string;
}

/** The second line of a plot is dashed. */
const PLOTS: { title: string; unit: string; lines: Line[] }[] = [
  {
    title: 'Delivered and duplicates, per second',
    unit: '/s',
    lines: [
      { series: 'delivered', text: 'delivered' },
      { series: 'duplicates', text: 'duplicates' },
    ],
  },
  {
    title: 'Repeated attempts and dead letters, per second',
    unit: '/s',
    lines: [
      { series: 'retries', text: 'attempts repeated' },
      { series: 'deadLetters', text: 'dead letters' },
    ],
  },
  { title: 'Lag in records', unit: '', lines: [{ series: 'lag', text: 'lag' }] },
  {
    title: 'Lag in seconds',
    unit: ' s',
    lines: [{ series: 'lagSeconds', text: 'age of the first record that waits' }],
  },
];

/**
 * The plots of a stream's last 15 minutes, which `assets/page/plots.js` draws. The values beside the lines say the same to those
 * who don't see the drawing.
 */
export function Plots({ stream, page }: { stream: string; page: PageContext }): JSX.Element {
  const { links, assets } = page;
  const numbers = links.history(stream);
  const dashboard = page.dashboardUrl(stream);
  return (
    <section id="plots" aria-labelledby="plots-title" data-history={numbers}>
      <link rel="stylesheet" href={links.to(assets.plots.style)} />
      <h2 id="plots-title">The last 15 minutes</h2>
      <noscript>
        <p class="notice">The plots need JavaScript. Their numbers do not.</p>
      </noscript>
      <div data-plots hidden>
        <label>
          Partition of the plots
          <select>
            <option value="">all</option>
          </select>
        </label>
        <p class="quiet" data-plots-state>
          The plots begin when the page starts.
        </p>
        <div class="plots">
          {PLOTS.map((plot) => (
            <Plot {...plot} />
          ))}
        </div>
      </div>
      <p>
        <a href={numbers}>The numbers as JSON</a>
        {dashboard !== undefined && (
          <>
            {' · '}
            <a href={dashboard} rel="noreferrer">
              Longer: Grafana
            </a>
          </>
        )}
      </p>
      <script src={links.to(assets.plots.uplot)} defer />
      <script src={links.to(assets.plots.script)} defer />
    </section>
  );
}

function Plot({ title, unit, lines }: (typeof PLOTS)[number]) {
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div
        class="drawing"
        data-plot={lines.map(({ series }) => series).join(' ')}
        data-unit={unit}
        aria-hidden="true"
      />
      <ul>
        {lines.map(({ series, text }) => (
          <li>
            <span class="line" aria-hidden="true" /> {text}:{' '}
            <span data-value={series}>not known</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}
