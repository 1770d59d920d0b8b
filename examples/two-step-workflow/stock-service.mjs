// A stand-in for the stock service: reservations in memory. Port 8788, or PORT.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

export function createStockService(reservations = new Map()) {
  return createServer(async (request, response) => {
    const [, collection, id, step] = (request.url ?? '').split('/');
    const answer = (status) => response.writeHead(status).end();
    if (collection !== 'reservations' || !id) return answer(404);
    const body = await request.setEncoding('utf8').reduce((text, chunk) => text + chunk, '');
    const state = reservations.get(id);
    if (request.method === 'DELETE') {
      if (state === 'confirmed') return answer(409);
      reservations.delete(id);
      return answer(204);
    }
    if (request.method !== 'PUT') return answer(405);
    if (step === 'confirmation') {
      if (state === undefined) return answer(404);
      // A customer whose payment is refused: reserved, but never confirmed.
      if (id.startsWith('unpaid-')) return answer(402);
      reservations.set(id, 'confirmed');
      return answer(state === 'confirmed' ? 200 : 201);
    }
    if (body.includes('"sku":"sold-out"')) return answer(410);
    if (state === undefined) reservations.set(id, 'reserved');
    return answer(state === undefined ? 201 : 200);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = Number(process.env.PORT ?? 8788);
  const reservations = new Map();
  createStockService(reservations).listen(port, '127.0.0.1', () => {
    console.log(`stock service on http://127.0.0.1:${port}`);
  });
  let shown = '';
  setInterval(() => {
    const now = JSON.stringify(Object.fromEntries(reservations));
    if (now !== shown) console.log((shown = now));
  }, 500);
}
