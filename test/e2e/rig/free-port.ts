import { createServer } from 'node:net';

/** A port of the kernel's choice, which nobody else looks for: unlike those that `auto` takes, one after the other from the same place. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
