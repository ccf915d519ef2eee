import type { Range } from './source.ts';

/** A parsed file as plain data: what of it azora looks at, and where it stands. */
export type Node = ScalarNode | AliasNode | MapNode | SeqNode;

interface Placed {
  readonly range: Range;
  readonly anchor?: string;
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As it was written; absent when it was not. */
  readonly source?: string;
  /** Without quotes. */
  readonly plain: boolean;
}

export interface AliasNode extends Placed {
  readonly kind: 'alias';
  /** The anchor's name. */
  readonly source: string;
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  /** `{ … }` rather than a block. */
  readonly flow: boolean;
  readonly items: readonly Pair[];
}

export interface SeqNode extends Placed {
  readonly kind: 'seq';
  readonly flow: boolean;
  readonly items: readonly (Node | null)[];
}

export interface Pair {
  readonly key: Node | null;
  readonly value: Node | null;
}
