import { readFileSync } from 'node:fs';

/** Put here by the build (scripts/bundle.ts); a checkout has none. */
declare const AZORA_BUILD: { readonly version: string; readonly commit: string; readonly schema: string } | undefined;

const built = typeof AZORA_BUILD === 'undefined' ? null : AZORA_BUILD;

/** The version of this azora, from its package. */
export function ownVersion(): string {
  if (built) return built.version;
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Names what checks a configuration, the same for the same rules; null for a checkout, where they may be edited any time. */
export const schemaId = (): string | null => built?.schema ?? null;

/** `0.1.0 (commit 1a2b3c4d5e6f, Node.js 24.21.0)`: all that a report of a bug should say. */
export function describeVersion(): string {
  const from = built ? `commit ${built.commit}` : 'from its sources';
  return `${ownVersion()} (${from}, Node.js ${process.versions.node})`;
}
