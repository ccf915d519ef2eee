import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The program that the benchmark runs as organ: compiled from marker.c, or a shell script where there is no compiler. */

export interface Marker {
  readonly path: string;
  /** null: no compiler; there is no floor then. */
  readonly compiler: string | null;
}

const SCRIPT = `#!/bin/sh
echo "$$ $(date +%s%N)" >> "$2"
case $1 in
  run) exec sleep 100000 ;;
  flood) exec awk -v bytes="$3" 'BEGIN { x = sprintf("%86s", ""); gsub(/ /, "x", x); for (i = 0; i < bytes / 100; i++) printf "%012d %s\\n", i, x }' ;;
esac
`;

export function buildMarker(folder: string): Marker {
  const path = join(folder, 'marker');
  const built = spawnSync('cc', ['-O2', '-o', path, join(import.meta.dirname, 'marker.c')], { encoding: 'utf8' });
  if (built.status === 0)
    return { path, compiler: spawnSync('cc', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0]! };
  writeFileSync(path, SCRIPT);
  chmodSync(path, 0o700);
  return { path, compiler: null };
}
