import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { CONTROL_PROTOCOL, type ControlMethods, type ControlNotices } from '../adapters/control/protocol.ts';
import { Channel, type Methods } from '../adapters/socket/channel.ts';
import type { History } from './history.ts';

/** Answers the commands: the supervisor's end of `run/supervisor.sock`. */

type Handlers = {
  readonly [K in Exclude<keyof ControlMethods, 'hello' | 'subscribe'>]: (
    params: ControlMethods[K]['params'],
  ) => Promise<ControlMethods[K]['result']> | ControlMethods[K]['result'];
} & { readonly hello: () => Omit<ControlMethods['hello']['result'], 'protocol'> };

export interface ControlServer {
  /** How many commands are connected. */
  readonly clients: number;
  /** Takes no more connections and removes the socket; those that are there go on. */
  stopListening(): void;
  /** Ends every conversation, after what was already said. */
  close(): Promise<void>;
}

export interface ControlOptions {
  readonly path: string;
  readonly history: History;
  readonly handlers: Handlers;
  /** The last command has left. */
  readonly onAlone: () => void;
}

type Client = Channel<ControlMethods, Methods, Record<never, never>, ControlNotices>;

export function serveControl(options: ControlOptions): Promise<ControlServer> {
  const clients = new Map<Client, Promise<void>>();
  const server = createServer((socket) => {
    let stopListening = (): void => {};
    let onClosed = (): void => {};
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const client: Client = new Channel<ControlMethods, Methods, Record<never, never>, ControlNotices>(socket, {
      methods: {
        ...options.handlers,
        hello: () => ({ protocol: CONTROL_PROTOCOL, ...options.handlers.hello() }),
        subscribe: ({ since, types }) => {
          stopListening();
          const wanted = types && new Set(types);
          const tell = (event: ControlNotices['event']): void => {
            if (!wanted || wanted.has(event.type)) client.notify('event', event);
          };
          for (const event of since === null ? [] : options.history.after(since)) tell(event);
          stopListening = options.history.listen(tell);
          return { lastId: options.history.lastId };
        },
      },
      notices: {},
      onClose: () => {
        stopListening();
        clients.delete(client);
        onClosed();
        if (clients.size === 0) options.onAlone();
      },
    });
    clients.set(client, closed);
  });
  return listen(server, options.path).then(() => ({
    get clients() {
      return clients.size;
    },
    stopListening: () => {
      server.close();
    },
    close: async () => {
      server.close();
      for (const client of clients.keys()) client.close();
      await Promise.all(clients.values());
    },
  }));
}

function listen(server: Server, path: string): Promise<void> {
  // The lock is ours, so a socket that is there was left behind.
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177); // 0600 from the first moment
    server.listen(path, () => {
      process.umask(before);
      chmodSync(path, 0o600);
      resolve();
    });
  });
}
