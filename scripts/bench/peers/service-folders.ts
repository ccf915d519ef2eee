import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Organs } from '../contestant.ts';
import { Foreground, output, packaged } from '../run.ts';

/**
 * s6 (skarnet.org) and runit (smarden.org): a folder a service with a `run` script in it, a process of its own that watches over
 * each, another service for its log. One that ends too soon after its start is started again a second later.
 */
abstract class ServiceFolders implements Contestant {
  abstract readonly name: string;
  abstract readonly version: string | null;
  readonly order = false;
  readonly restarts = true;
  protected readonly daemon = new Foreground();
  /** The command of the log's service. */
  protected abstract readonly logger: string;
  abstract up(folder: string): Promise<void>;
  abstract down(folder: string): Promise<void>;
  abstract readonly status: (folder: string) => Promise<unknown>;

  prepare(folder: string, organs: Organs): void {
    for (const [name, { command, once }] of Object.entries(organs)) {
      const service = join(folder, 'services', name);
      mkdirSync(service, { recursive: true });
      // Whoever is not to come again says so: both give a script its own folder as cwd.
      script(join(service, 'run'), `exec ${command.join(' ')}`);
      if (!once) continue;
      const logs = join(folder, 'logs', name);
      mkdirSync(logs, { recursive: true });
      writeFileSync(join(logs, 'config'), 's2000000000\nn0\n'); // of runit's
      mkdirSync(join(service, 'log'));
      script(join(service, 'log/run'), `exec ${this.logger} ${logs}`);
      script(join(service, 'finish'), 'exec sleep 100000');
    }
  }

  root(folder: string): number {
    return this.daemon.pid(folder);
  }

  supervisor(folder: string): number {
    return this.root(folder);
  }

  readonly logs = (folder: string, organ: string): string[] => {
    const logs = join(folder, 'logs', organ);
    const files = readdirSync(logs).filter((file) => file === 'current' || file.startsWith('@'));
    return files.toSorted().map((file) => join(logs, file)); // old ones are named by their time, `@…`
  };
}

export class S6 extends ServiceFolders {
  readonly name = 's6';
  readonly version = packaged('s6-svscan', 's6');
  protected readonly logger = 's6-log n20 s268435455';

  up(folder: string): Promise<void> {
    return this.daemon.start(folder, 's6-svscan', ['-c', '1000', 'services']);
  }

  down(folder: string): Promise<void> {
    return this.daemon.end(folder); // all services end, then it
  }

  readonly status = (folder: string): Promise<string> =>
    output('sh', ['-c', 'for service in services/*; do s6-svstat "$service"; done'], { cwd: folder });
}

export class Runit extends ServiceFolders {
  readonly name = 'runit';
  readonly version = packaged('runsvdir', 'runit');
  protected readonly logger = 'svlogd';

  up(folder: string): Promise<void> {
    return this.daemon.start(folder, 'runsvdir', [join(folder, 'services')]);
  }

  down(folder: string): Promise<void> {
    return this.daemon.end(folder, 'SIGHUP'); // SIGTERM leaves all services running
  }

  readonly status = (folder: string): Promise<string> =>
    output('sh', ['-c', 'sv status ./services/*'], { cwd: folder });
}

function script(path: string, command: string): void {
  writeFileSync(path, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
}
