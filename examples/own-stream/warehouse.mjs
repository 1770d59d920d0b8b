// A stand-in for the warehouse: keeps orders in memory and prints each change. Port 8787, or PORT.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

export function createWarehouse(orders = new Map()) {
  return createServer(async (request, response) => {
    const [, collection, id] = (request.url ?? '').split('/');
    const answer = (status) => response.writeHead(status).end();
    if (request.method !== 'PUT' || collection !== 'orders' || !id) return answer(404);
    const body = await request.setEncoding('utf8').reduce((text, chunk) => text + chunk, '');
    if (body.includes('"sku":"discontinued"')) return answer(422);
    const known = orders.get(id);
    if (known !== undefined) return answer(known === body ? 200 : 409);
    orders.set(id, body);
    return answer(201);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = Number(process.env.PORT ?? 8787);
  const orders = new Map();
  createWarehouse(orders).listen(port, '127.0.0.1', () => {
    console.log(`warehouse on http://127.0.0.1:${port}`);
  });
  let shown = 0;
  setInterval(() => {
    if (orders.size !== shown) console.log(`${(shown = orders.size)} orders`);
  }, 500);
}
