/** Draws the plots of a stream's last 15 minutes, and asks for new values every 5 seconds. */
(() => {
  'use strict';
  const section = document.querySelector('#plots');
  if (section === null || !window.uPlot) return;

  const REFRESH_MS = 5000;
  const WAIT_MS = 10000;
  const HEIGHT = 160;
  const DASH = [6, 4];
  /** A value that is older than so many steps is not of now. */
  const NOW_STEPS = 3;

  const select = section.querySelector('select');
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
  const short = new Intl.NumberFormat(undefined, { notation: 'compact' });
  const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
  const second = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
  const timeOf = (format, seconds) => format.format(new Date(seconds * 1000));

  /** The last answer of the server, with the times of its values in seconds. */
  let history;
  let plots = [];
  /** Number of the last question. The answer to an earlier one is of another partition. */
  let asked = 0;
  let isLoading = false;

  function say(text) {
    section.querySelector('[data-plots-state]').textContent = text;
  }

  /** Writes the values at the cursor, or those of now, beside the lines of a plot. */
  function writeValues({ element, names, uplot }) {
    const unit = element.dataset.unit;
    const index = uplot.cursor.idx;
    for (const name of names) {
      const values = history.series[name];
      const show = (value) => (value === null ? 'not known' : `${number.format(value)}${unit}`);
      const latest = values.slice(-NOW_STEPS).findLast((value) => value !== null) ?? null;
      const most = values.reduce((a, b) => (b === null || (a !== null && a > b) ? a : b), null);
      section.querySelector(`[data-value="${name}"]`).textContent =
        typeof index === 'number'
          ? `${show(values[index] ?? null)} at ${timeOf(second, history.times[index])}`
          : `${show(latest)} now, ${show(most)} at most`;
    }
  }

  /** The values that have a gap on both sides, which no line shows. */
  function alone(uplot, series) {
    const values = uplot.data[series];
    const isGap = (index) => (values[index] ?? null) === null;
    return [...values.keys()].filter((i) => !isGap(i) && isGap(i - 1) && isGap(i + 1));
  }

  function makePlot(element) {
    const names = element.dataset.plot.split(' ');
    const style = getComputedStyle(section);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour('--text'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line'), width: 1 },
    };
    const line = (_, index) => ({
      stroke: colour(`--plot-${index + 1}`),
      width: 2,
      ...(index > 0 && { dash: DASH }),
      points: { show: false, filter: alone, fill: colour(`--plot-${index + 1}`) },
    });
    const plot = { element, names };
    const options = {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: {
        x: { range: () => [history.times[0], history.times.at(-1)] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
      },
      axes: [
        { ...axis, space: 70, values: (_, splits) => splits.map((at) => timeOf(minute, at)) },
        { ...axis, size: 56, values: (_, splits) => splits.map((value) => short.format(value)) },
      ],
      series: [{}, ...names.map(line)],
      hooks: { setCursor: [(uplot) => writeValues({ ...plot, uplot })] },
    };
    plot.uplot = new window.uPlot(options, dataOf(names), element);
    return plot;
  }

  function dataOf(names) {
    return [history.times, ...names.map((name) => history.series[name])];
  }

  /** Makes the plots anew, with the colours of the present scheme. */
  function makePlots() {
    for (const { uplot } of plots) uplot.destroy();
    plots = [...section.querySelectorAll('[data-plot]')].map(makePlot);
  }

  function showPartitions(partitions) {
    const chosen = select.value;
    const wanted = ['', ...partitions.map(String)];
    if (!wanted.includes(chosen)) wanted.push(chosen);
    const present = [...select.options].map(({ value }) => value);
    if (wanted.join() === present.join()) return;
    select.replaceChildren(...wanted.map((value) => new Option(value || 'all', value)));
    select.value = chosen;
  }

  function stateOf({ since, to, stepMs, partitions }) {
    const seconds = Math.max(0, Math.round((Date.parse(to) + stepMs - Date.parse(since)) / 1000));
    if (partitions.length === 0 && seconds > 4 * (stepMs / 1000)) {
      return 'Nothing is known yet: the topic does not exist, or Kafka does not answer.';
    }
    if (select.value !== '' && !partitions.includes(Number(select.value))) {
      return `Nothing is known of a partition ${select.value}.`;
    }
    if (seconds >= 900) return '';
    return `The plots begin when the page starts: ${seconds} s so far.`;
  }

  function show(answer) {
    const first = Date.parse(answer.from) / 1000;
    const times = answer.series.lag.map((_, index) => first + (index * answer.stepMs) / 1000);
    history = { ...answer, times };
    showPartitions(answer.partitions);
    say(stateOf(answer));
    if (plots.length === 0) makePlots();
    for (const plot of plots) {
      plot.uplot.setData(dataOf(plot.names));
      writeValues(plot);
    }
  }

  async function load() {
    const question = ++asked;
    isLoading = true;
    try {
      const query = select.value === '' ? '' : `?partition=${select.value}`;
      const headers = { accept: 'application/json' };
      const signal = AbortSignal.timeout(WAIT_MS);
      const answer = await fetch(section.dataset.history + query, { headers, signal });
      // The session has ended: the screen itself asks for a login.
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error(`The answer is ${answer.status}`);
      const found = await answer.json();
      if (question === asked) show(found);
    } catch {
      if (question === asked) say('The page does not answer. The plots stand still.');
    }
    if (question === asked) isLoading = false;
  }

  function refresh() {
    const button = document.querySelector('button[data-refresh-button]:not([hidden])');
    const isStopped = button?.getAttribute('aria-pressed') === 'false';
    if (!document.hidden && !isStopped && !isLoading) void load();
  }

  /** The chosen partition is in the address, so that a link shows what its sender saw. */
  function choosePartition() {
    const address = new URL(location.href);
    if (select.value === '') address.searchParams.delete('partition');
    else address.searchParams.set('partition', select.value);
    window.history.replaceState(window.history.state, '', address);
    void load();
  }

  const chosen = new URLSearchParams(location.search).get('partition') ?? '';
  if (/^\d{1,6}$/.test(chosen)) {
    select.append(new Option(chosen, chosen));
    select.value = chosen;
  }
  section.querySelector('[data-plots]').hidden = false;
  select.addEventListener('change', choosePartition);
  document.addEventListener('visibilitychange', refresh);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    if (history) makePlots();
  });
  new ResizeObserver(() => {
    for (const { element, uplot } of plots) {
      uplot.setSize({ width: element.clientWidth, height: HEIGHT });
    }
  }).observe(section);
  setInterval(refresh, REFRESH_MS);
  void load();
})();
