import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ProblemError } from '../http/problem';
import type { PageData } from './data/page-data';
import type { PageAction } from './options';
import { render } from './render';
import type { AnyScreen } from './screens';
import { takeDone } from './done';
import { wantsJson, type Site } from './site';
import { Layout } from './views/layout';

/** Throws unless the guard lets the request in. */
export async function admit(
  site: Site,
  request: FastifyRequest,
  action: PageAction,
): Promise<void> {
  const refusal = await site.guard.refusal(request, action);
  if (refusal) throw refusal;
}

/** Parameters and query of an address. */
export function inputOf({ params, query }: FastifyRequest): object {
  return { ...(query as object), ...(params as object) };
}

/** What a person or a program gave. Throws a 400 that says what is wrong with it. */
export function parsed<T>(schema: z.ZodType<T>, given: unknown): T {
  const result = schema.safeParse(given);
  if (!result.success) throw new ProblemError(400, z.prettifyError(result.error));
  return result.data;
}

/** Adds a screen: HTML for people, JSON for programs. */
export function addScreen(
  app: FastifyInstance,
  site: Site,
  data: PageData,
  screen: AnyScreen,
): void {
  app.get(screen.path, async (request, reply) => {
    const read = screen.input.safeParse(inputOf(request));
    const action = screen.action?.(read.data);
    // A caller who is not let in learns nothing, not even what is wrong with the address.
    await admit(site, request, action ?? 'view');
    if (!read.success) throw new ProblemError(400, z.prettifyError(read.error));
    const input: unknown = read.data;
    const model: unknown = await screen.load(data, input);
    if (model === undefined) {
      throw new ProblemError(404, `${screen.title(input)}: there is no such thing (any more).`);
    }
    void reply.header('vary', 'accept');
    if (wantsJson(request)) return reply.type('application/json').send(JSON.stringify(model));
    return show(site, request, reply, screen, input, model);
  });
}

function show(
  site: Site,
  request: FastifyRequest,
  reply: FastifyReply,
  screen: AnyScreen,
  input: unknown,
  model: unknown,
): FastifyReply {
  const page = site.contextOf(request);
  const done = takeDone(request, reply, site.links);
  return reply.type('text/html; charset=utf-8').send(
    render(
      <Layout
        title={screen.title(input)}
        page={{ ...page, done }}
        refreshes={screen.refreshes?.(model) ?? false}
        lasting={screen.lasting?.(input, page)}
      >
        {screen.view(model, page, input)}
      </Layout>,
    ),
  );
}
