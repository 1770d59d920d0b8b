import type { ComponentChildren } from 'preact';
import { z } from 'zod';
import { ProblemError } from '../../http/problem';
import { parseSince } from '../../operations/runs/failed-since';
import type { PageData } from '../data/page-data';
import type { PageAction } from '../options';
import type { PageContext } from '../views/context';

/** What a screen shows. Its JSON twin has all of it. */
export interface Shown {
  /** What servers do not say now. */
  notices: string[];
}

/** Something to look at, at one address: as HTML for people, as JSON for programs. */
export interface Screen<Input, Model extends Shown> {
  /** The path below the page's own, as Fastify writes it. */
  path: string;
  /** Whether the script loads the screen again every few seconds. */
  refreshes?: (model: Model) => boolean;
  /** Reads parameters and query of the address. What it refuses is answered with 400. */
  input: z.ZodType<Input>;
  /** What the request wants to do; without an input if the address is wrong. Default: to view. */
  action?: (input: Input | undefined) => PageAction;
  /** Undefined: there is no such thing. */
  load(data: PageData, input: Input): Promise<Model | undefined>;
  title(input: Input): string;
  view(model: Model, page: PageContext, input: Input): ComponentChildren;
  /** A part below, which stays as it is when the screen refreshes itself. */
  lasting?(input: Input, page: PageContext): ComponentChildren;
}

/** Defines a screen; the types of input and model come from its parts. */
export function defineScreen<Input, Model extends Shown>(
  screen: Screen<Input, Model>,
): Screen<Input, Model> {
  return screen;
}

/** A parameter of a query that occurs once at most. An empty one counts as absent, because forms send it. */
export const one = z
  .string()
  .max(1_000)
  .optional()
  .transform((text) => (text === '' ? undefined : text));

/** The cursor of a list, which has a part for each stream and partition. */
export const cursorParameter = z.string().min(1).max(100_000).optional();

/** A parameter of a query that may occur several times. */
export const many = z
  .union([z.string().transform((text) => [text]), z.array(z.string())])
  .optional()
  .transform((texts) => texts?.filter((text) => text !== ''))
  .transform((texts) => (texts?.length ? texts : undefined));

/** The names of the streams that a list shows: the chosen one, or all. Throws a 404 if the chosen one does not exist. */
export function namesOf({ streams }: PageData, chosen: string | undefined): string[] {
  const names = streams.map(({ name }) => name);
  if (chosen === undefined || names.includes(chosen))
    return chosen === undefined ? names : [chosen];
  throw new ProblemError(404, `There is no stream ${chosen} on this page.`);
}

/** The time, in steps. So a duration before now is the same question for a while. */
export function sinceOf(text: string): Date {
  const STEP_MS = 60_000;
  return parseSince(text, new Date(Math.floor(Date.now() / STEP_MS) * STEP_MS));
}
