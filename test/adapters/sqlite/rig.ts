import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HealthRow, OrganRow } from '../../../src/adapters/sqlite/rows.ts';
import { type StateFolder, stateFolder } from '../../../src/adapters/state-folder.ts';
import type { SystemEvent } from '../../../src/core/events.ts';
import type { InstanceStatus } from '../../../src/core/status.ts';

/** A state folder of its own for one test. */
export function temporaryFolder(): { folder: StateFolder; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'azora-store-'));
  const folder = stateFolder(join(root, '.azora'));
  mkdirSync(folder.root, { mode: 0o700 });
  return { folder, remove: () => rmSync(root, { recursive: true, force: true }) };
}

export function anEvent(id: number, over: Partial<SystemEvent> = {}): SystemEvent {
  const event = { id, ts: '2026-11-23T08:00:00.000Z', bootId: 'boot-1', type: 'organ-started' } as const;
  return { ...event, organ: 'mint', instance: 'mint-1', message: `event ${id}`, data: { pid: id }, ...over };
}

export function anInstance(instance: string, over: Partial<InstanceStatus> = {}): InstanceStatus {
  const organ = instance.replace(/-\d+$/, '');
  return {
    ...{ organ, instance, replica: 1, category: 'Financial-Services', kind: 'service', critical: true, desired: 'up' },
    ...{ state: 'ready', health: 'Healthy', reason: null, pid: 4300, startedAt: '2026-11-23T08:00:00.000Z' },
    ...{ uptimeMs: null, restarts: 0, errors: 0, exit: null, ports: { http: 41001 }, url: 'http://127.0.0.1:41001' },
    ...{ cpuPercent: null, rssBytes: null, lastCheckAt: null, latencyMs: null, metrics: {} },
    ...over,
  };
}

export function anOrgan(organ: string, over: Partial<OrganRow> = {}): OrganRow {
  const row = { organ, category: 'Financial-Services', kind: 'service', critical: true, desired: 'up' } as const;
  return { ...row, config: '{"command":"node main.ts"}', ...over };
}

export function aHealth(instance: string, over: Partial<HealthRow> = {}): HealthRow {
  return { instance, health: 'Healthy', checkedAt: '2026-11-23T08:00:30.000Z', latencyMs: 2.1, message: null, ...over };
}

/** Runs a program of ./fixtures with this Node. */
export function runFixture(name: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [fixture(name), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url));
}

/** Resolves with the first chunk that the child prints; rejects when it ends without a word. */
export async function firstOutput(child: ChildProcess): Promise<string> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the fixture ended with ${code}`)));
  const [chunk] = await Promise.race([once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data'), ended]);
  ended.catch(() => {});
  return String(chunk);
}

/** Root may write everywhere: what is about permissions runs as an ordinary user. */
export function asOrdinaryUser<Result>(what: () => Result): Result {
  if (process.getuid?.() !== 0) return what();
  process.seteuid?.(65534);
  try {
    return what();
  } finally {
    process.seteuid?.(0);
  }
}
