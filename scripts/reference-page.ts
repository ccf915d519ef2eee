/** The reference page of azora.yaml: one table per map, from the JSON Schema. */
import type { JsonSchema } from '../src/core/config/json-schema.ts';

const HEAD = `# azora.yaml, key by key

<!-- Generated from src/core/config/schema.ts by \`npm run generate\`. Do not edit. -->

What each key takes and means. How files are found, merged and interpolated is told in [configuration.md](../configuration.md).
Text may hold \`\${VARIABLES}\`; keys that begin with \`x-\` are left alone at the top and in an organ.
`;

export function referencePage(schema: JsonSchema): string {
  const page = new Page(schema.$defs ?? {});
  page.section('The file', '', schema);
  return [HEAD, ...page.sections].join('\n');
}

class Page {
  readonly sections: string[] = [];
  readonly #titles = new Map<string, string>();
  readonly #definitions: Readonly<Record<string, JsonSchema>>;

  constructor(definitions: Readonly<Record<string, JsonSchema>>) {
    this.#definitions = definitions;
  }

  /** A map's table, then those of the maps in it. A table that was there before is only referred to. */
  section(title: string, path: string, map: JsonSchema): void {
    const rows = this.#table(map);
    const before = this.#titles.get(rows);
    this.sections.push(`## ${title}\n\n${before ? `The same keys as ${before}.\n` : rows}`);
    if (before) return;
    this.#titles.set(rows, title);
    for (const [key, value] of Object.entries(map.properties ?? {})) {
      if (key === 'defaults') continue;
      const nested = this.#nestedMap(value, path === '' ? key : `${path}.${key}`);
      if (nested) this.section(`\`${nested.path}\``, nested.path, nested.schema);
    }
  }

  /** The map with keys of its own that a value is, or holds in a list or under names. */
  #nestedMap(value: JsonSchema, path: string): { path: string; schema: JsonSchema } | null {
    if (isAnyJson(value)) return null;
    const schema = this.#resolve(value);
    for (const form of (schema.anyOf ?? [schema]).map((each) => this.#resolve(each))) {
      if (form.properties) return { path, schema: form };
      const item = form.items ? this.#nestedMap(form.items, `${path}[]`) : null;
      if (item) return item;
      const named = itemOf(form);
      const inner = named ? this.#nestedMap(named, `${path}.NAME`) : null;
      if (inner) return inner;
    }
    return null;
  }

  #table(map: JsonSchema): string {
    const rows = Object.entries(map.properties ?? {}).map(([key, value]) => {
      const required = map.required?.includes(key) ? ' (required)' : '';
      return `| \`${key}\`${required} | ${cell(this.#typeOf(value))} | ${cell(value.description ?? '')} |`;
    });
    return `| key | takes | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  }

  #resolve(schema: JsonSchema): JsonSchema {
    const name = schema.$ref?.replace('#/$defs/', '');
    return (name === undefined ? undefined : this.#definitions[name]) ?? schema;
  }

  /** A type in words. That a variable may stand for a number, as text, goes without saying. */
  #typeOf(value: JsonSchema): string {
    if (isAnyJson(value)) return 'anything';
    const schema = this.#resolve(value);
    if (schema.title) return schema.title;
    if (schema.anyOf) {
      const forms = schema.anyOf.filter((form) => !isTextFormOf(form, schema.anyOf!));
      return [...new Set(forms.map((form) => this.#typeOf(form)))].join(' or ');
    }
    if (schema.const !== undefined) return `\`${JSON.stringify(schema.const).replaceAll('"', '')}\``;
    if (schema.enum) return schema.enum.map((each) => `\`${String(each)}\``).join(', ');
    if (Array.isArray(schema.type)) return 'text';
    switch (schema.type) {
      case 'string':
        return 'text';
      case 'integer':
      case 'number':
        return range(schema);
      case 'boolean':
        return '`true`, `false`';
      case 'null':
        return 'nothing';
      case 'array':
        return schema.items ? `list of ${this.#typeOf(schema.items)}` : 'list';
      case 'object': {
        const item = schema.properties ? null : itemOf(schema);
        return item ? `map of names to ${this.#typeOf(item)}` : 'map';
      }
      default:
        return 'anything';
    }
  }
}

/** A definition without a name of its own is that of any JSON, which holds itself. */
const isAnyJson = ({ $ref }: JsonSchema) => $ref?.startsWith('#/$defs/__') === true;

const cell = (text: string) => text.replaceAll('|', '\\|');

function itemOf(schema: JsonSchema): JsonSchema | null {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
}

function range({ type, minimum, maximum }: JsonSchema): string {
  const what = type === 'integer' ? 'whole number' : 'number';
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return minimum !== undefined && isBounded ? `${what} ${minimum}-${maximum}` : what;
}

function isTextFormOf(form: JsonSchema, forms: readonly JsonSchema[]): boolean {
  const others = forms.filter((other) => other !== form);
  if (form.enum?.join() === 'true,false') return others.some((other) => other.type === 'boolean');
  if (typeof form.const === 'string')
    return others.some((other) => String(other.const) === form.const && other.const !== form.const);
  return (
    form.type === 'string' &&
    form.pattern?.includes('\\d+') === true &&
    others.some((other) => /integer|number/.test(String(other.type)) && !form.pattern?.includes('[bB]'))
  );
}
