import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import type { LogLimits } from '../core/config/model.ts';

/** Compresses rotated logs, one at a time and streaming, beside the work that must not wait. */
export class Compressor {
  readonly #queue: { path: string; format: 'zstd' | 'gzip' }[] = [];
  readonly #report: (message: string) => void;
  #running: Promise<void> | null = null;

  constructor(report: (message: string) => void) {
    this.#report = report;
  }

  add(path: string, format: LogLimits['compress']): void {
    if (format === 'none' || this.#queue.some((task) => task.path === path)) return;
    this.#queue.push({ path, format });
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when nothing is left to compress. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) {
      try {
        await compress(task.path, task.format);
      } catch (error) {
        // The uncompressed file stays and is as good.
        this.#report(`cannot compress ${task.path}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Under its final name there is only ever the whole of it; the original goes last. */
async function compress(path: string, format: 'zstd' | 'gzip'): Promise<void> {
  if (!existsSync(path)) return; // dropped by max_files meanwhile
  const target = path + (format === 'zstd' ? '.zst' : '.gz');
  const temporary = `${target}.tmp`;
  const { open, rename, rm } = await import('node:fs/promises');
  try {
    const { pipeline } = await import('node:stream/promises');
    const { createGzip, createZstdCompress } = await import('node:zlib');
    await pipeline(
      createReadStream(path, { highWaterMark: 256 * 1024 }),
      format === 'zstd' ? createZstdCompress() : createGzip(),
      createWriteStream(temporary, { mode: 0o600 }),
    );
    const file = await open(temporary, 'r+');
    await file.datasync(); // or a power cut could leave neither the one nor the other
    await file.close();
    if (!existsSync(path)) return await rm(temporary, { force: true });
    await rename(temporary, target);
    await rm(path, { force: true });
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
