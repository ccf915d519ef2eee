import { chmodSync, statSync } from 'node:fs';
import { whoListens } from '../../adapters/sockets-table.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import type { StatusDocument } from '../../core/status.ts';
import { isFree } from '../../supervisor/endpoints.ts';
import { count } from '../render/text.ts';
import type { Finding, Looked } from './finding.ts';

/** What the file asks of this machine. `status`: of the system that runs, if one does. */
export async function lookAtProject(config: SystemConfig, status: StatusDocument | null): Promise<Looked> {
  const ports = await takenPorts(config, status);
  const modes = (config.envFiles ?? []).flatMap(openEnvFile);
  return {
    findings: [...ports, ...modes],
    fine: [`${count(Object.keys(config.organs).length, 'organ')} in ${config.file}`],
  };
}

/** Ports that are fixed in the file and that somebody else has. Those of an organ that runs are its own. */
async function takenPorts({ organs, registry }: SystemConfig, status: StatusDocument | null): Promise<Finding[]> {
  const running = new Set((status?.organs ?? []).filter(({ pid }) => pid !== null).map(({ organ }) => organ));
  const wanted = Object.values(organs).flatMap(({ name, ports }) =>
    running.has(name) ? [] : ports.flatMap(({ port }) => (port === 'auto' ? [] : [{ port, whose: `organ ${name}` }])),
  );
  const isServed = status !== null && status.system.registryUrl !== null;
  if (registry && registry.port !== 'auto' && !isServed) wanted.push({ port: registry.port, whose: 'the registry' });
  const findings: Finding[] = [];
  for (const { port, whose } of wanted) {
    if (await isFree(port)) continue;
    const who = whoListens(port);
    findings.push({
      id: `port-taken:${port}`,
      level: 'problem',
      what: `port ${port} of ${whose} is taken by ${who ? `pid ${who.pid} (${who.command})` : "somebody else's process"}`,
      why: `${whose} cannot listen there, and what waits for it would be answered by a stranger`,
      fix: who ? `End it (kill ${who.pid}), or write another port, or auto.` : 'Write another port, or auto.',
      repair: null,
    });
  }
  return findings;
}

function openEnvFile(path: string): Finding[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat || (stat.mode & 0o077) === 0) return [];
  const mode = (stat.mode & 0o777).toString(8);
  const finding = {
    id: `env-file:${path}`,
    fix: `chmod 600 ${path}`,
    repair: () => chmodSync(path, stat.mode & 0o700),
  };
  if (stat.mode & 0o022) {
    const what = `the env_file ${path} can be written by other users (mode ${mode})`;
    return [{ ...finding, level: 'problem', what, why: 'whoever writes it decides what the organs run with' }];
  }
  const what = `the env_file ${path} can be read by other users (mode ${mode})`;
  return [{ ...finding, level: 'note', what, why: 'env_files often hold secrets' }];
}
