/** Which part of the schema a file needs. */

/**
 * Whether a key occurs anywhere in what is to be checked, on whatever level. Of the hundred and twenty keys there are, a file has a dozen: to make
 * the types of the others, and to look in each of 147 organs for what is in none, takes longer than the check.
 */
export type Occurring = (key: string) => boolean;

/** All that may be written is asked about: for what describes the schema. */
export const everything: Occurring = () => true;

/** The keys that occur in maps and lists, however deep. */
export function occurringIn(data: unknown): Occurring {
  const keys = new Set<string>();
  collect(data, keys);
  return (key) => keys.has(key);
}

function collect(value: unknown, keys: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, keys);
  else if (typeof value === 'object' && value !== null) {
    for (const key of Object.keys(value)) {
      keys.add(key);
      collect((value as Record<string, unknown>)[key], keys);
    }
  }
}
