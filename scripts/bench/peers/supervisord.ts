import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contestant, Organs } from '../contestant.ts';
import { Foreground, output, versionOf } from '../run.ts';

/** supervisord (supervisord.org). All organs are one group: it ends groups one after the other, and members of one at once. */
export class Supervisord implements Contestant {
  readonly name = 'supervisord';
  readonly version = versionOf('supervisord', '--version');
  readonly order = false;
  readonly restarts = true;
  readonly #daemon = new Foreground();

  prepare(folder: string, organs: Organs): void {
    const programs = Object.entries(organs).map(([name, { command, once }]) =>
      section(`program:${name}`, {
        command: command.join(' '),
        autorestart: !once,
        startsecs: 0,
        redirect_stderr: true,
        stdout_logfile: join(folder, `${name}.log`),
        stdout_logfile_maxbytes: 0,
      }),
    );
    const socket = join(folder, 'supervisor.sock');
    const text = [
      section('supervisord', {
        nodaemon: true,
        pidfile: join(folder, 'pid'),
        logfile: join(folder, 'log'),
        minfds: 4096,
        user: 'root',
      }),
      section('unix_http_server', { file: socket }),
      section('rpcinterface:supervisor', {
        'supervisor.rpcinterface_factory': 'supervisor.rpcinterface:make_main_rpcinterface',
      }),
      section('supervisorctl', { serverurl: `unix://${socket}` }),
      ...programs,
      section('group:organs', { programs: Object.keys(organs).join(',') }),
    ];
    writeFileSync(join(folder, 'supervisord.conf'), text.join('\n'));
  }

  up(folder: string): Promise<void> {
    return this.#daemon.start(folder, 'supervisord', ['-n', '-c', 'supervisord.conf']);
  }

  down(folder: string): Promise<void> {
    return this.#daemon.end(folder);
  }

  root(folder: string): number {
    return this.#daemon.pid(folder);
  }

  supervisor(folder: string): number {
    return this.root(folder);
  }

  readonly status = (folder: string): Promise<string> =>
    output('supervisorctl', ['-c', 'supervisord.conf', 'status'], { cwd: folder });
  readonly logs = (folder: string, organ: string): string[] => [join(folder, `${organ}.log`)];
}

function section(name: string, entries: Readonly<Record<string, string | number | boolean>>): string {
  const lines = Object.entries(entries).map(([key, value]) => `${key}=${value}`);
  return [`[${name}]`, ...lines, ''].join('\n');
}
