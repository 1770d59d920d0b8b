import type { ComponentChildren } from 'preact';
import { z } from 'zod';
import { ProblemError } from '../../http/problem';
import type { AnyStream } from '../../domain/stream/stream';
import type { Actor } from '../../operations/actions/audited';
import type { PageData } from '../data/page-data';
import type { Links } from '../links';
import type { PageAction } from '../options';
import type { Shown } from '../screens/screen';
import type { PageContext } from '../views/context';

/** What an action has done. */
export interface Done {
  /** What a person reads on the next screen. */
  text: string;
  /** The address of the next screen. */
  to: string;
  /** What a program gets. */
  result: object;
}

/** What an action works with. */
export interface ActionContext {
  data: PageData;
  links: Links;
  /** The person who acts, for one of the streams. */
  actorOf: (stream: AnyStream) => Actor;
}

/**
 * Something that a person can do at one address. A GET asks whether it shall be done, as a screen with a form; a POST of the
 * form does it. Both are absent from a page that is read-only.
 */
export interface Action<Input, Model extends Shown, Form> {
  /** The path below the page's own, as Fastify writes it. */
  path: string;
  /** What the person wants to do. */
  action: PageAction;
  /** Reads parameters and query of the address. What it refuses is answered with 400. */
  input: z.ZodType<Input>;
  /** What the question needs. Undefined: there is no such thing. */
  load(data: PageData, input: Input): Promise<Model | undefined>;
  /** Whether the script loads the question again every few seconds. */
  refreshes?(model: Model): boolean;
  title(input: Input): string;
  view(model: Model, page: PageContext, input: Input): ComponentChildren;
  /** Reads the form, or the JSON of a program. */
  form: z.ZodType<Form>;
  run(context: ActionContext, input: Input, form: Form): Promise<Done>;
}

/** Defines an action; the types come from its parts. */
export function defineAction<Input, Model extends Shown, Form>(
  action: Action<Input, Model, Form>,
): Action<Input, Model, Form> {
  return action;
}

/** The stream of this name. Throws a 404 if there is none. */
export function streamOf(data: PageData, name: string): AnyStream {
  const stream = data.stream(name);
  if (!stream) throw new ProblemError(404, `There is no stream ${name} on this page.`);
  return stream;
}

/** The text of a field in which people write why. */
export const reasonField = (most: number) =>
  z
    .string()
    .trim()
    .max(most, `The reason has more than ${most} characters.`)
    .optional()
    .transform((text) => (text === undefined || text === '' ? null : text));

/** A number that a person types to confirm how much is done. */
export const countField = z.coerce.number<string | number>().int().min(0);

/** Throws a 400 unless the person has typed how many it concerns. */
export function requireCount(typed: number | undefined, count: number, what: string): void {
  if (typed === count) return;
  const was = typed === undefined ? 'You have typed no number' : `You have typed ${typed}`;
  throw new ProblemError(
    400,
    `${was}, and ${count} ${what}. Nothing was done: look again, and type ${count} if you mean it.`,
  );
}
