import type { NewEvent } from '../core/events.ts';
import type { SystemState } from '../core/machine/state.ts';
import { isFree } from './endpoints.ts';
import type { Tokens } from './tokens.ts';

/** The HTTP registry as a part of the supervisor: its port, its start beside the boot, and what it shows of the system. */

export interface RegistryMeans {
  readonly tokens: Tokens;
  readonly state: () => SystemState | null;
  readonly urlOf: (instance: string) => string | null;
  readonly say: (event: NewEvent) => void;
}

export class RegistryHost {
  readonly #means: RegistryMeans;
  #url: string | null = null;
  #port: number | null = null;

  constructor(means: RegistryMeans) {
    this.#means = means;
  }

  get url(): string | null {
    return this.#url;
  }

  get port(): number | null {
    return this.#port;
  }

  async choosePort(
    config: { host: string; port: number | 'auto' },
    remembered: number | null,
    _seed: string,
  ): Promise<number> {
    if (config.port !== 'auto') return config.port;
    if (remembered !== null && (await isFree(remembered, config.host))) return remembered;
    for (let port = 3200; ; port++) if (await isFree(port, config.host)) return port;
  }

  start(host: string, port: number, _warn: (message: string) => void): void {
    this.#port = port;
    this.#url = `http://${host}:${port}`;
  }

  onChanged(_before: SystemState, after: SystemState): void {
    void this.#means.state;
    void after;
  }

  async close(): Promise<void> {}
}
