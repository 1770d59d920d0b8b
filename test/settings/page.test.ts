import { loadSettings } from '../../src/settings/config';

const loaded = (ui: string) => loadSettings({ CLOUDSYNC_PAGE_TEMPORAL_UI: ui }).page.temporalUi;

test.each([
  ['http://127.0.0.1:8233', 'http://127.0.0.1:8233'],
  ['https://temporal.example/ui/', 'https://temporal.example/ui'],
])("the address %s of Temporal's UI is taken without a slash at its end", (given, taken) => {
  expect(loaded(given)).toBe(taken);
});

test.each(['temporal.example', 'javascript:alert(1)', 'http://a/?q', 'http://user@a'])(
  "the text %s is no address of Temporal's UI",
  (given) => {
    expect(() => loaded(given)).toThrow('CLOUDSYNC_PAGE_TEMPORAL_UI');
  },
);
