import { Links } from '../../src/page/links';

const links = new Links('/ops');

test.each([
  ['an id', 'order-1', '/ops/trace/order-1'],
  ['an id with characters of addresses', 'a b?#%+', '/ops/trace/a%20b%3F%23%25%2B'],
  ['an id that a browser takes for a way up', '..', '/ops/trace?id=..'],
  ['an id with a slash, which nginx would decode', '/lead', '/ops/trace?id=%2Flead'],
  ['an id with a way up', '../../etc', '/ops/trace?id=..%2F..%2Fetc'],
  ['an id with a backslash', 'a\\b', '/ops/trace?id=a%5Cb'],
])('the link to the trace of %s finds it again', (_, id, address) => {
  expect(links.trace(id)).toBe(address);
});
