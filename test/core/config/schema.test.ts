import { describe, expect, it } from 'vitest';
import { azoraJsonSchema, type JsonSchema } from '../../../src/core/config/json-schema.ts';

/** Every property of the schema with its path, definitions included. */
function properties(schema: JsonSchema, path = ''): [string, JsonSchema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]): [string, JsonSchema][] => {
    return [[`${path}.${key}`, value], ...properties(value, `${path}.${key}`)];
  });
  const parts = [
    ...(schema.anyOf ?? []),
    schema.items,
    schema.additionalProperties,
    ...Object.values(schema.$defs ?? {}),
  ];
  return [...own, ...parts.flatMap((part) => (typeof part === 'object' ? properties(part, path) : []))];
}

describe('the JSON Schema', () => {
  const schema = azoraJsonSchema();

  it('describes every key', () => {
    const all = properties(schema);
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter(([, { description }]) => !description).map(([path]) => path)).toEqual([]);
  });

  it('is draft 2020-12, closed, and open for x- keys at the top and in an organ', () => {
    expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
    for (const map of [schema, schema.$defs!.organ!]) {
      expect(map).toMatchObject({ additionalProperties: false, patternProperties: { '^x-': true } });
    }
    expect(schema.$defs!.check).not.toHaveProperty('patternProperties');
  });

  it('takes a variable wherever text has a form', () => {
    const { timeout } = schema.properties!.boot!.properties!;
    const pattern = new RegExp(timeout!.pattern!, 'u');
    expect(['30s', '1h30m', '${TIMEOUT:-30s}'].every((text) => pattern.test(text))).toBe(true);
    expect(['30', 'soon'].some((text) => pattern.test(text))).toBe(false);
  });
});
