/** azora.schema.json, from the schema: what editors check and complete azora.yaml with. */
import * as z from 'zod/mini';
import { everything } from './occurring.ts';
import { fileSchema } from './schema.ts';

/** A JSON Schema, as far as this program looks into one. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

const OR_VARIABLE = '|\\$\\{';

/** Draft 2020-12, of the file as it is written: before variables are interpolated and defaults applied. */
export function azoraJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(fileSchema(everything), {
    io: 'input',
    target: 'draft-2020-12',
    override: ({ jsonSchema, path }) => {
      const isKey = path.at(-1) === 'propertyNames';
      // A variable may stand wherever text may, whatever the text has to look like once it is filled in.
      // (Called once for each wrapper around the same text, so it must not add it twice.)
      if (jsonSchema.pattern !== undefined && !isKey && !jsonSchema.pattern.endsWith(OR_VARIABLE)) {
        jsonSchema.pattern = `(?:${jsonSchema.pattern})${OR_VARIABLE}`;
      }
      if (isKey) delete jsonSchema.type;
      if (mayHoldExtensions(jsonSchema)) jsonSchema.patternProperties = { '^x-': true };
    },
  });
  const { $schema, ...rest } = schema;
  return {
    $schema,
    title: 'azora.yaml',
    description: 'The programs of one system, and how azora runs them.',
    ...rest,
  } as JsonSchema;
}

/** The file itself, and an organ. */
function mayHoldExtensions(schema: { readonly properties?: object }): boolean {
  const keys = schema.properties ?? {};
  return 'organs' in keys ? 'version' in keys : 'command' in keys && 'depends_on' in keys;
}
