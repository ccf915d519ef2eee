import { Document, visit } from 'yaml';

/** A value as YAML that says the same when it is read again. */
export function toYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    // As a block, lines of nothing but white space come back with less of it, or not at all.
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && node.value.includes('\n') && node.value.trim() === '') {
        node.type = 'QUOTE_DOUBLE';
      }
    },
  });
  return document.toString({ lineWidth: 0 });
}
