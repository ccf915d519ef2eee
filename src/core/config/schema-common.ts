/** Keys that the system and its organs share. */
import * as z from 'zod/mini';
import type { Occurring } from './occurring.ts';
import { becomes, boolean, expected, int, map, may, oneOrMore, plainText, size } from './scalars.ts';

/** Organ names end up in host names, file names and variables. */
export const ORGAN_NAME = /^[a-z][a-z0-9-]{0,62}$/;
export const SYSTEM_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

const NAME_RULE = 'a name starts with a letter a-z and goes on with at most 62 of a-z, 0-9 and -';
export const organName = () => z.string(expected('the name of an organ')).check(z.regex(ORGAN_NAME, NAME_RULE));
export const organList = (what: string) => z.array(organName(), expected(what));
export const portName = () =>
  z
    .string()
    .check(
      z.regex(
        /^[a-z][a-z0-9_-]{0,62}$/,
        'a port\'s name starts with a letter a-z and goes on with a-z, 0-9, "-" and "_"',
      ),
    );
const PORT = 'a port: a number from 1 to 65535, or auto';
export const port = () => z.union([z.literal('auto'), int(1, 65535, PORT)], expected(PORT));

export const path = () => plainText('a path').check(z.minLength(1, 'a path'));

export const environment = () =>
  z
    .record(
      z.string().check(z.regex(/^[^=\0]+$/, 'a variable\'s name is not empty and has no "="')),
      z.union([z.string(), becomes(z.number(), String), becomes(z.boolean(), String), z.null()], expected('text')),
      expected('a map of variables'),
    )
    .check(
      z.describe(
        'Variables. Numbers and booleans are taken as they are written; a variable without a value is passed on from the caller.',
      ),
    );

export const envFile = () =>
  oneOrMore(path(), 'a path, or a list of paths').check(
    z.describe('Files of NAME=value lines, later ones win. A missing file is an error, unless its path ends in "?".'),
  );

const logKeys = {
  max_size: may(size, 'A log file is rotated when it grows beyond this. Default: 10MB.'),
  max_files: may(() => int(1, 10_000), 'How many rotated files are kept. Default: 5.'),
  compress: may(
    () => z.enum(['zstd', 'gzip', 'none'], expected('zstd, gzip or none')),
    'How rotated files are compressed. Default: zstd.',
  ),
  merge: may(boolean, 'Write stderr into the same file as stdout. Default: false.'),
};
export const logs = (of: Occurring) => map(of, logKeys, 'a map of log limits');

export type WrittenLogs = z.output<ReturnType<typeof logs>>;
