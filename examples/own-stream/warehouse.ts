import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';

/** A stand-in for the warehouse, with its orders in memory. */
export function createWarehouse(orders = new Map<string, string>()): Server {
  function answer(method: string, url: string, body: string): number {
    const [, collection, id] = url.split('/');
    if (method !== 'PUT' || collection !== 'orders' || !id) return 404;
    if (body.includes('"sku":"discontinued"')) return 422;
    const known = orders.get(id);
    orders.set(id, known ?? body);
    return known === undefined ? 201 : known === body ? 200 : 409;
  }
  return createServer((request, response) => {
    void text(request)
      .then((body) => answer(request.method!, request.url!, body))
      .then((status) => response.writeHead(status).end());
  });
}

if (require.main === module) {
  const orders = new Map<string, string>();
  createWarehouse(orders).listen(8787, '127.0.0.1', () => console.log('http://127.0.0.1:8787'));
  let shown = 0;
  setInterval(() => {
    for (const id of [...orders.keys()].slice(shown)) console.log(`order ${id}`);
    shown = orders.size;
  }, 200);
}
