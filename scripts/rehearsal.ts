/**
 * A supervisor that is none, for scripts/code-cache.ts. By itself a process, for commands that wait for their answer without an event loop: says
 * on stdout where its system is, and ends with its stdin.
 */
import type { InstanceState } from '../src/core/status.ts';
import { aDocument, anInstance, BOOT_ID, FakeSupervisor } from '../test/cli/fake-supervisor.ts';

/** Some of everything that most files have. */
const FILE = `
version: 1
name: rehearsal
env: { LEVEL: info }
organs:
  base: &base
    command: [node, server.js]
    ports: { http: auto }
    health: { http: /health, interval: 5s }
    restart: { policy: always, delay: 0s }
    labels: { tier: "one" }
  web:
    <<: *base
    command: node web.js --port \${HOME}
    env:
      URL: "http://localhost"   # where it is
    depends_on:
      base: { condition: started }
  job: { kind: task, command: 'true', depends_on: [web] }
`;
const UP = { bootId: BOOT_ID, booted: true, heldDown: [], plan: null, changed: [], since: 0 };

/** It answers as if six organs ran, one in each state. */
export async function rehearsalSupervisor(): Promise<FakeSupervisor> {
  const states: readonly InstanceState[] = ['ready', 'stopped', 'waiting', 'starting', 'backoff', 'failed'];
  const document = aDocument(states.map((state) => anInstance(state, { state, ports: { http: 8080 } })));
  const supervisor = await FakeSupervisor.start(
    document,
    {
      up: () => {
        for (const { instance } of document.organs) supervisor.tell('organ-ready', instance, { durationMs: 1 });
        supervisor.tell('system-ready', null, { durationMs: 1 });
        return { ...UP, starting: states };
      },
    },
    FILE,
  );
  return supervisor;
}

if (import.meta.main) {
  const supervisor = await rehearsalSupervisor();
  process.stdin.on('end', () => void supervisor[Symbol.asyncDispose]().then(() => process.exit(0))).resume();
  process.stdout.write(supervisor.home);
}
