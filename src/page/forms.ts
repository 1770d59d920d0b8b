import type { FastifyInstance } from 'fastify';

const FORM = 'application/x-www-form-urlencoded';
/** A form has a few short texts. What an action concerns stands in the address. */
export const MAX_FORM_BYTES = 16 * 1024;

/** Reads forms, unless the program around the page does so already. */
export function readForms(app: FastifyInstance): void {
  if (app.hasContentTypeParser(FORM)) return;
  app.addContentTypeParser(FORM, { parseAs: 'string' }, (_, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  );
}
