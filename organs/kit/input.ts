import type { Context } from 'hono';
import type * as z from 'zod';
import { BadRequest } from './errors.ts';

/** The request's JSON body, checked by `schema`; throws BadRequest with every reason. An absent body counts as `{}`. */
export async function readBody<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  const text = await c.req.text();
  return check(text.trim() === '' ? {} : parseJson(text), schema, 'body');
}

/** The query string as an object of strings, checked by `schema` (use z.coerce for numbers). */
export function readQuery<S extends z.ZodType>(c: Context, schema: S): z.output<S> {
  return check(c.req.query(), schema, 'query');
}

/** The path's parameters, checked by `schema`. */
export function readParams<S extends z.ZodType>(c: Context, schema: S): z.output<S> {
  return check(c.req.param(), schema, 'path');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadRequest(`the body is not JSON: ${(cause as SyntaxError).message}`, { cause });
  }
}

function check<S extends z.ZodType>(value: unknown, schema: S, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = result.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
  throw new BadRequest(details.join('; '), { details });
}
