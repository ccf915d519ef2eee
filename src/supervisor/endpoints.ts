import { createServer } from 'node:net';
import { crypto } from '../adapters/crypto.ts';
import type { OrganConfig, SystemConfig } from '../core/config/model.ts';
import type { Endpoint } from '../core/config/references.ts';
import { instanceNames } from '../core/machine/state.ts';

/**
 * Which port each instance has. `auto` ports stay the same from boot to boot while they are free. They are taken from below
 * the range out of which the kernel serves outgoing connections (32768 and up on Linux, 49152 and up on macOS), so that none
 * is snatched away between choosing it and the organ's listening on it.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;
const HOST = '127.0.0.1';

/** Remembered ports: `<instance>.<port name>` → port. */
export type Remembered = Readonly<Record<string, number>>;

export class Endpoints {
  readonly #ports = new Map<string, Record<string, number>>();
  readonly #taken = new Set<number>();
  readonly #seed: string;

  /** @param seed sets the systems of one machine apart, so that they do not look for a free port in the same place */
  constructor(seed: string) {
    this.#seed = seed;
  }

  /** What runs keeps the ports that it runs with. */
  restore(config: SystemConfig, ports: Remembered): void {
    for (const organ of Object.values(config.organs)) {
      for (const instance of instanceNames(organ)) {
        const held = organ.ports.flatMap(({ name }) => {
          const port = ports[`${instance}.${name}`];
          return port === undefined ? [] : [[name, port] as const];
        });
        if (held.length < organ.ports.length || held.length === 0) continue;
        this.#ports.set(instance, Object.fromEntries(held));
        for (const [, port] of held) this.#taken.add(port);
      }
    }
  }

  /** Another declaration of its ports is to count from now on. */
  release(organ: OrganConfig): void {
    for (const instance of instanceNames(organ)) {
      for (const port of Object.values(this.portsOf(instance))) this.#taken.delete(port);
      this.#ports.delete(instance);
    }
  }

  /** Gives every instance of a configuration its ports; those that it has already stay. */
  async assign(config: SystemConfig, remembered: Remembered): Promise<void> {
    const organs = Object.values(config.organs).filter((organ) => organ.ports.length > 0);
    for (const organ of organs) {
      for (const { port } of organ.ports) if (port !== 'auto') this.#taken.add(port);
    }
    for (const organ of organs) {
      for (const name of instanceNames(organ)) {
        if (!this.#ports.has(name)) this.#ports.set(name, await this.#choose(organ, name, remembered));
      }
    }
  }

  async #choose(organ: OrganConfig, instance: string, remembered: Remembered): Promise<Record<string, number>> {
    const chosen: Record<string, number> = {};
    for (const { name, port } of organ.ports) {
      chosen[name] =
        port === 'auto' ? await this.#free(`${instance}.${name}`, remembered[`${instance}.${name}`]) : port;
    }
    return chosen;
  }

  async #free(key: string, remembered: number | undefined): Promise<number> {
    if (remembered !== undefined && !this.#taken.has(remembered) && (await isFree(remembered))) {
      this.#taken.add(remembered);
      return remembered;
    }
    const range = HIGHEST - LOWEST;
    const first = crypto().createHash('sha256').update(`${this.#seed} ${key}`).digest().readUInt32LE(0) % range;
    for (let step = 0; step < range; step++) {
      const port = LOWEST + ((first + step) % range);
      if (this.#taken.has(port) || !(await isFree(port))) continue;
      this.#taken.add(port);
      return port;
    }
    throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`);
  }

  /** Port name → port, in the order of the file. */
  portsOf(instance: string): Readonly<Record<string, number>> {
    return this.#ports.get(instance) ?? {};
  }

  /** Where an instance listens: its first port. */
  endpointOf(instance: string): Endpoint | undefined {
    const port = Object.values(this.portsOf(instance))[0];
    return port === undefined ? undefined : { host: HOST, port };
  }

  urlOf(instance: string): string | null {
    const endpoint = this.endpointOf(instance);
    return endpoint ? `http://${endpoint.host}:${endpoint.port}` : null;
  }

  /** What to remember for the next boot. */
  toRemember(): Record<string, number> {
    return Object.fromEntries(
      [...this.#ports].flatMap(([instance, ports]) =>
        Object.entries(ports).map(([name, port]) => [`${instance}.${name}`, port]),
      ),
    );
  }
}

/** Whether nobody listens on a port of this machine now. What cannot be tried (a port for root only, no descriptors left) is no proof. */
export function isFree(port: number, host = HOST): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
