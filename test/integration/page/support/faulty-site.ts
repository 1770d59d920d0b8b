import fastify, { type FastifyInstance } from 'fastify';

const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"],
  ...["connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
].join('; ');

const SCRIPTS: Record<string, string> = {
  'title.js': "document.title = 'changed by a script'",
  'console.js': "console.error('the list is empty')",
  'throws.js': "throw new TypeError('rows is undefined')",
  'rejects.js': "Promise.reject(new TypeError('no answer'))",
};

const STYLE = `
  body { color: #111; background: #fff }
  .wide { width: 800px }
  .pale { color: #eee }
  @media (prefers-color-scheme: dark) {
    body { color: #eee; background: #111 }
    .pale { color: #eee }
    .dim { color: #222 }
  }`;

/** The bodies of the site's pages. Each page but the first has one fault. `other` is the address of another origin. */
function bodies(other: string): Record<string, string> {
  return {
    good: '<p>All is well.</p><script src="/title.js"></script>',
    console: '<script src="/console.js"></script>',
    throws: '<script src="/throws.js"></script>',
    rejects: '<script src="/rejects.js"></script>',
    missing: '<img alt="" src="/no-such-image">',
    inline: `<script>document.title = 'changed by a script'</script>`,
    handler: `<p>Value: <img alt="" src="/title.js" onerror="document.title = 'changed by a script'"></p>`,
    style: '<p style="color: red">Red</p>',
    image: `<img alt="" src="${other}/pixel.png">`,
    link: `<p><a href="${other}/elsewhere">Elsewhere</a></p>`,
    unlabelled: '<form action="/"><input name="q"></form>',
    pale: '<p class="pale">Pale on white, clear on black</p>',
    dim: '<p class="dim">Clear on white, dim on black</p>',
    wide: '<p class="wide">Wider than a phone</p>',
  };
}

/**
 * A site with a strict Content Security Policy. `/NAME` is a page; `/loose/NAME` is the same page without the policy.
 * The path of each request is kept.
 */
export async function startSite(other = ''): Promise<FaultySite> {
  const server = fastify();
  const requests: string[] = [];
  server.addHook('onRequest', ({ url }, _, done) => {
    requests.push(url);
    done();
  });
  for (const [name, source] of Object.entries(SCRIPTS)) {
    server.get(`/${name}`, (_, reply) => reply.type('text/javascript').send(source));
  }
  server.get('/style.css', (_, reply) => reply.type('text/css').send(STYLE));
  for (const [name, body] of Object.entries(bodies(other))) {
    const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
      <meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>
      <body><main><h1>${name}</h1>${body}</main></body></html>`;
    server.get(`/${name}`, (_, reply) =>
      reply.type('text/html').header('content-security-policy', POLICY).send(html),
    );
    server.get(`/loose/${name}`, (_, reply) => reply.type('text/html').send(html));
  }
  return { address: await server.listen({ host: '127.0.0.1', port: 0 }), requests, server };
}

export interface FaultySite {
  address: string;
  requests: string[];
  server: FastifyInstance;
}
