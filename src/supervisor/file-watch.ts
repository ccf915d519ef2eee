import { relative, resolve } from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { OrganConfig, SystemConfig } from '../core/config/model.ts';

/** Restarts organs whose files are edited (`watch:`), once a burst of changes is over. */

/** Nobody edits in there by hand, and there is much of it. */
const NEVER = ['**/node_modules/**', '**/.git/**', '**/.azora/**'];

export interface FileWatchMeans {
  /** Files of `organ` have changed: the first of them, relative to the organ's folder, and how many. */
  readonly onChanged: (organ: string, file: string, count: number) => void;
  readonly onTrouble: (message: string) => void;
}

interface Watched {
  readonly declaration: string;
  readonly stop: () => void;
}

export class FileWatch {
  readonly #means: FileWatchMeans;
  readonly #watched = new Map<string, Watched>();

  constructor(means: FileWatchMeans) {
    this.#means = means;
  }

  /** Follows a configuration; what is declared as before is watched on undisturbed. */
  follow(config: SystemConfig): void {
    for (const [name, { declaration, stop }] of this.#watched) {
      if (declarationOf(config.organs[name]) === declaration) continue;
      stop();
      this.#watched.delete(name);
    }
    for (const organ of Object.values(config.organs)) {
      const declaration = declarationOf(organ);
      if (declaration === null || this.#watched.has(organ.name)) continue;
      this.#watched.set(organ.name, { declaration, stop: this.#begin(organ) });
    }
  }

  #begin(organ: OrganConfig): () => void {
    let stopped = false;
    let watcher: FSWatcher | null = null;
    let timer: NodeJS.Timeout | null = null;
    let changed: string[] = [];
    const onEvent = (path: string): void => {
      changed.push(relative(organ.cwd, resolve(organ.cwd, path)));
      if (timer) clearTimeout(timer);
      timer = setTimeout(() => {
        const files = new Set(changed);
        changed = [];
        this.#means.onChanged(organ.name, [...files][0]!, files.size);
      }, organ.watch!.debounceMs);
    };
    void watch(organ, onEvent, (error) =>
      this.#means.onTrouble(`the files of ${organ.name} cannot be watched: ${error.message}`),
    ).then((begun) => {
      watcher = begun;
      if (stopped) void begun.close();
    });
    return () => {
      stopped = true;
      if (timer) clearTimeout(timer);
      void watcher?.close();
    };
  }

  stop(): void {
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
  }
}

const declarationOf = (organ: OrganConfig | undefined): string | null =>
  organ?.watch ? JSON.stringify([organ.cwd, organ.watch]) : null;

/** Loaded only where something is watched. */
async function watch(
  { watch: declared, cwd }: OrganConfig,
  onEvent: (path: string) => void,
  onError: (error: Error) => void,
): Promise<FSWatcher> {
  const [{ watch: begin }, { default: picomatch }] = await Promise.all([import('chokidar'), import('picomatch')]);
  const isIgnored = picomatch([...NEVER, ...declared!.ignore], { dot: true, basename: false });
  const byName = picomatch([...declared!.ignore.filter((glob) => !glob.includes('/'))], { dot: true, basename: true });
  const watcher = begin([...declared!.paths], {
    cwd,
    ignoreInitial: true,
    ignored: (path) => {
      const inside = relative(cwd, resolve(cwd, path));
      return isIgnored(inside) || isIgnored(`${inside}/`) || byName(inside);
    },
  });
  watcher.on('error', (error) => onError(error instanceof Error ? error : new Error(String(error))));
  return watcher.on('all', (_event, path) => onEvent(path));
}
