/** Small organs for the files of tests. */

/** Ready by its first line, then lives quietly. A few milliseconds to start, unlike a puppet. */
export function quiet(more: object = {}): object {
  return { command: 'echo ready; exec sleep 1000', health: { log: '^ready$' }, ...more };
}

/** Organs by name, each of which depends on the one before it. */
export function chain(names: readonly string[], organ: (more: object) => object): Record<string, object> {
  return Object.fromEntries(names.map((name, i) => [name, organ(i === 0 ? {} : { depends_on: [names[i - 1]] })]));
}
