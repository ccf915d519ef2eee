import type { ChalkInstance, ColorSupportLevel } from 'chalk';
import { Chalk } from 'chalk';
import type { Output } from './command.ts';

/** What an `Output` needs of a stream; process.stdout and process.stderr are such. */
export interface RawStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly writableNeedDrain?: boolean;
  write(chunk: string | Uint8Array): boolean;
  once?(event: 'drain' | 'close', listener: () => void): unknown;
  off?(event: 'drain' | 'close', listener: () => void): unknown;
}

type Env = Readonly<Record<string, string | undefined>>;

/** @param open called when it is first needed: for a pipe and for a terminal, Node loads its sockets */
export function createOutput(open: () => RawStream, env: Env, noColor: boolean): Output {
  let opened: Opened | undefined;
  const use = (): Opened => {
    opened ??= describe(open(), env, noColor);
    return opened;
  };
  return {
    get style() {
      return use().style;
    },
    get isTTY() {
      // Nothing can be redrawn on a dumb terminal.
      return use().isTTY && env.TERM !== 'dumb';
    },
    get columns() {
      const { stream, isTTY } = use();
      return isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;
    },
    get rows() {
      const { stream, isTTY } = use();
      return isTTY ? stream.rows || 24 : Number.POSITIVE_INFINITY;
    },
    write: (chunk) => use().stream.write(chunk),
    drained: () =>
      new Promise((resolve) => {
        const { stream } = use();
        if (!stream.writableNeedDrain || !stream.once) return resolve();
        // Both listeners go, whichever is called: in a flood this comes thousands of times.
        const done = (): void => {
          stream.off?.('drain', done);
          stream.off?.('close', done);
          resolve();
        };
        stream.once('drain', done);
        stream.once('close', done);
      }),
  };
}

interface Opened {
  readonly stream: RawStream;
  readonly isTTY: boolean;
  readonly style: ChalkInstance;
}

function describe(stream: RawStream, env: Env, noColor: boolean): Opened {
  // Asked once, and before listr2 is told to draw: see ttyView.
  const isTTY = stream.isTTY === true;
  return { stream, isTTY, style: new Chalk({ level: colorLevel(env, isTTY, noColor) }) };
}

/**
 * How many colours a stream gets: 0 none, 1 sixteen, 2 256, 3 all. --no-color before $FORCE_COLOR before $NO_COLOR (the order
 * of Node itself) before $TERM; without any of them, colour is for terminals only.
 */
export function colorLevel(env: Env, isTTY: boolean, noColor: boolean): ColorSupportLevel {
  if (noColor) return 0;
  switch (env.FORCE_COLOR) {
    case undefined:
      break;
    case '0':
    case 'false':
      return 0;
    case '2':
      return 2;
    case '3':
      return 3;
    default:
      return 1;
  }
  if (env.NO_COLOR || env.TERM === 'dumb' || !isTTY) return 0;
  if (env.COLORTERM === 'truecolor' || env.COLORTERM === '24bit') return 3;
  return env.TERM?.includes('256') ? 2 : 1;
}
