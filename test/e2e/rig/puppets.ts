import { createServer, type Server, type Socket } from 'node:net';
import { within } from './within.ts';

/** What a puppet can be told; see `test/puppet/puppet.mjs`. */
export type Order =
  | { readonly say: string; readonly to?: 'stdout' | 'stderr'; readonly raw?: boolean }
  | { readonly exit: number }
  | { readonly kill: string }
  | {
      readonly health: {
        readonly status?: number;
        readonly body?: unknown;
        readonly delayMs?: number;
        readonly times?: number;
      };
    }
  | { readonly asked: true }
  | { readonly listen: true }
  | { readonly unlisten: true }
  | { readonly ready: 'port' | 'ipc' | 'fd' | 'log'; readonly word?: string; readonly fd?: number }
  | { readonly flood: number }
  | { readonly ignore: string }
  | { readonly heed: string }
  | { readonly env: true }
  | {
      readonly spawn: readonly [string, ...string[]];
      readonly detached?: boolean;
      readonly env?: Readonly<Record<string, string>>;
    }
  | { readonly block: number };

interface Answer {
  readonly error?: string;
  readonly pid?: number;
  readonly port?: number;
  readonly asked?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** One process life of a puppet: from its hello to the end of its connection. */
interface Life {
  readonly pid: number;
  readonly socket: Socket;
  readonly pending: Map<number, (answer: Answer) => void>;
}

/** One instance that is a puppet, over all its lives. */
export class Puppet {
  readonly #name: string;
  readonly #lives: Life[] = [];
  readonly #arrivals = new Set<() => void>();
  #nextId = 1;

  constructor(name: string) {
    this.#name = name;
  }

  /** How often it has been started so far. */
  get lives(): number {
    return this.#lives.length;
  }

  /** Its pid, once it has been started `n` times (which may be already). */
  async connected(n = 1, timeoutMs = 20_000): Promise<number> {
    const arrived = new Promise<void>((resolve) => {
      const look = () => {
        if (this.#lives.length < n) return;
        this.#arrivals.delete(look);
        resolve();
      };
      this.#arrivals.add(look);
      look();
    });
    await within(timeoutMs, arrived, () => `puppet ${this.#name} was started ${this.#lives.length} times, not ${n}`);
    return this.#lives[n - 1]!.pid;
  }

  /** Has its latest life carry out an order. An order that ends it is answered by its end. */
  async order(order: Order, timeoutMs = 20_000): Promise<Answer> {
    await this.connected();
    const life = this.#lives.at(-1)!;
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve) => {
      life.pending.set(id, resolve);
      life.socket.write(`${JSON.stringify({ id, order })}\n`);
      if (life.socket.destroyed) resolve({});
    });
    const answer = await within(
      timeoutMs,
      answered,
      () => `puppet ${this.#name} (pid ${life.pid}) has not carried out ${JSON.stringify(order)}`,
    );
    if (answer.error !== undefined)
      throw new Error(`puppet ${this.#name} cannot ${JSON.stringify(order)}: ${answer.error}`);
    return answer;
  }

  /** For `Puppets`: another life of it has begun. */
  begin(life: Life): void {
    this.#lives.push(life);
    for (const look of [...this.#arrivals]) look();
  }
}

/** Where the puppets of one system report, and are given orders by instance name. */
export class Puppets {
  readonly socketPath: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #puppets = new Map<string, Puppet>();

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    this.#server = createServer((socket) => this.#onConnection(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.socketPath, resolve);
    });
  }

  of(instance: string): Puppet {
    const known = this.#puppets.get(instance);
    if (known) return known;
    const puppet = new Puppet(instance);
    this.#puppets.set(instance, puppet);
    return puppet;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket);
    const pending = new Map<number, (answer: Answer) => void>();
    let rest = '';
    socket.on('error', () => {}); // a puppet that is killed resets it; `close` follows
    socket.on('close', () => {
      this.#sockets.delete(socket);
      for (const resolve of pending.values()) resolve({});
    });
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const message = JSON.parse(line) as { hello: string; pid: number } | ({ id: number } & Answer);
        if ('hello' in message) {
          this.of(message.hello).begin({ pid: message.pid, socket, pending });
        } else {
          pending.get(message.id)?.(message);
          pending.delete(message.id);
        }
      }
    });
  }
}
