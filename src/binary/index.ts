/** Where in the single binary's program each of its files is, and what V8 made of it: `[start, length]`, bytes. */
export type ProgramIndex = Readonly<
  Record<string, readonly [code: readonly [number, number], cache: readonly [number, number]]>
>;
