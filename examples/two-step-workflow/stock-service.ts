import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';

type Reservations = Map<string, 'reserved' | 'confirmed'>;

/** A stand-in for the stock service, with its reservations in memory. */
export function createStockService(reservations: Reservations = new Map()): Server {
  function answer(method: string, url: string, body: string): number {
    const [, collection, id, step] = url.split('/');
    if (collection !== 'reservations' || !id) return 404;
    const state = reservations.get(id);
    if (method === 'DELETE') return reservations.delete(id) ? 204 : 404;
    if (method !== 'PUT') return 405;
    if (step === 'confirmation') {
      if (state === undefined) return 404;
      // A customer whose payment is refused: reserved, and never confirmed.
      if (id.startsWith('unpaid-')) return 402;
      reservations.set(id, 'confirmed');
      return state === 'confirmed' ? 200 : 201;
    }
    if (body.includes('"sku":"sold-out"')) return 410;
    if (state === undefined) reservations.set(id, 'reserved');
    return state === undefined ? 201 : 200;
  }
  return createServer((request, response) => {
    void text(request)
      .then((body) => answer(request.method!, request.url!, body))
      .then((status) => response.writeHead(status).end());
  });
}

if (require.main === module) {
  const reservations: Reservations = new Map();
  createStockService(reservations).listen(8788, '127.0.0.1', () =>
    console.log('http://127.0.0.1:8788'),
  );
  let shown = '{}';
  setInterval(() => {
    const now = JSON.stringify(Object.fromEntries(reservations));
    if (now !== shown) console.log(now);
    shown = now;
  }, 200);
}
