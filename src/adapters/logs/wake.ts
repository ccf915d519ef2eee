import { type FSWatcher, watch } from 'node:fs';
import { inodeOf } from './files.ts';

/** Where no notice of changes can be had: looked at this often. */
const BLIND_POLL_MS = 100;
/** Where notices come, a safety net for the ones that file systems swallow. */
const WATCHED_POLL_MS = 1000;

/**
 * Wakes a follower when something changes in the folders of logs. Notices only say "look": what happened is found by looking.
 */
export class Wake {
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number | null }>();
  readonly #unwatchable = new Set<string>();
  #stirred = false;
  #changed = false;
  #resolve: (() => void) | null = null;

  /** Watches these folders, each once, and no others; one that does not exist (yet) is tried again with the next call. */
  watch(folders: readonly string[]): void {
    this.#stirred = false;
    for (const folder of this.#watchers.keys()) {
      // A folder that was removed and made anew is another folder.
      if (!folders.includes(folder) || this.#watchers.get(folder)!.inode !== inodeOf(folder)) this.#drop(folder);
    }
    for (const folder of folders) {
      if (!this.#watchers.has(folder) && !this.#unwatchable.has(folder)) this.#add(folder);
    }
  }

  /** Files came, went or were renamed since `watch` was called last. */
  get stirred(): boolean {
    return this.#stirred;
  }

  get pollMs(): number {
    return this.#unwatchable.size > 0 ? BLIND_POLL_MS : WATCHED_POLL_MS;
  }

  /** Resolves at the next change (or the last one, when nobody waited), after `ms`, or when `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#changed && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake);
      this.#resolve = wake;
      await promise;
      this.#resolve = null;
      signal.removeEventListener('abort', wake);
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  close(): void {
    for (const folder of this.#watchers.keys()) this.#drop(folder);
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, (type) => {
        this.#stirred ||= type === 'rename';
        this.#notice();
      });
      watcher.on('error', () => {
        // The folder was removed, or the system has no more watches to give: polling goes on.
        this.#drop(folder);
        this.#unwatchable.add(folder);
        this.#notice();
      });
      this.#watchers.set(folder, { watcher, inode: inodeOf(folder) });
    } catch (error) {
      // Out of watches (ENOSPC, EMFILE) or a file system without them: polling it is. Not there yet: tried again.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#unwatchable.add(folder);
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.watcher.close();
    this.#watchers.delete(folder);
  }

  #notice(): void {
    this.#changed = true;
    this.#resolve?.();
  }
}
