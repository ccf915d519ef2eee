import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const SCHEMA = join('node_modules', 'azora', 'azora.schema.json');

/**
 * The comment by which editors find the schema of an azora.yaml in this folder: azora's own, where npm has installed it, in the
 * folder or above it. Else what to do for it, as a comment that points to no file leads to a complaint in the editor.
 */
export function editorLines(folder: string): string[] {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, SCHEMA))) {
      const path = relative(folder, join(at, SCHEMA));
      return [`# yaml-language-server: $schema=${path.startsWith('..') ? path : `./${path}`}`];
    }
    if (dirname(at) === at) break;
  }
  return [
    '# For completion and checks in your editor: azora config --schema > azora.schema.json, and here the line',
    '#   "# yaml-language-server: $schema=./azora.schema.json"',
  ];
}
