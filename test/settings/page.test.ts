import { loadSettings } from '../../src/settings/config';

const loaded = (ui: string) => loadSettings({ CLOUDSYNC_PAGE_TEMPORAL_UI: ui }).page.temporalUi;

test.each([
  ['http://127.0.0.1:8233', 'http://127.0.0.1:8233'],
  ['https://temporal.example/ui/', 'https://temporal.example/ui'],
])("the address %s of Temporal's UI is taken without a slash at its end", (given, taken) => {
  expect(loaded(given)).toBe(taken);
});

const dashboard = (grafana: string) =>
  loadSettings({ CLOUDSYNC_PAGE_GRAFANA: grafana }).page.grafana;

test('the address of a dashboard may have parameters, and is taken as it is', () => {
  const address = 'https://grafana.example/d/cloudsync?orgId=1';
  expect(dashboard(address)).toBe(address);
});

test.each(['grafana.example', 'javascript:alert(1)', 'http://a/#top', 'http://user@a'])(
  'the text %s is no address of a dashboard',
  (given) => {
    expect(() => dashboard(given)).toThrow('CLOUDSYNC_PAGE_GRAFANA');
  },
);

test.each(['temporal.example', 'javascript:alert(1)', 'http://a/?q', 'http://user@a'])(
  "the text %s is no address of Temporal's UI",
  (given) => {
    expect(() => loaded(given)).toThrow('CLOUDSYNC_PAGE_TEMPORAL_UI');
  },
);
