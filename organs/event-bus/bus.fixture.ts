import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The first folder of PATH that has this program; undefined when it is not installed. */
export function which(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Broker {
  readonly address: string;
  stop(): Promise<void>;
}

/** A broker of Kafka's wire protocol, on loopback: the one inside kcat's library, which lives as long as its stdin. */
export async function startKafka(): Promise<Broker> {
  const args = ['-P', '-b', 'x', '-t', 'hold', '-X', 'test.mock.num.brokers=1', '-d', 'broker'];
  const child: ChildProcess = spawn('kcat', args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let text = '';
  let address: string | undefined;
  child.stderr!.on('data', (chunk) => {
    if (!address) text += chunk;
  });
  while (!address) {
    await Promise.race([once(child.stderr!, 'data'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`kcat ended with ${child.exitCode}: ${text}`);
    address = /replaced with (\S+)/.exec(text)?.[1];
  }
  const exited = once(child, 'exit');
  return {
    address,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
