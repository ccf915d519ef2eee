import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { surveyHere } from '../../src/adapters/cgroup.ts';
import type { Seen } from './rig/limits-scenario.ts';
import { rig } from './rig.ts';

/** What becomes of `resources`: held by the kernel where azora may have cgroups with controllers, watched elsewhere. */

const root = resolve(import.meta.dirname, '../..');
const machine = surveyHere();
const azora = process.env.AZORA_BIN ?? join(root, 'bin/azora');

const UML = 'a User Mode Linux';

interface Kernel {
  readonly name: string;
  readonly run: () => { readonly stdout: string; readonly stderr: string };
}

/** This machine's own kernel if it lets us, else one that runs as a program. */
function kernel(): Kernel | string {
  const options = { encoding: 'utf8', timeout: 170_000, cwd: root, input: '' } as const;
  const scenario = join(root, 'test/e2e/rig/limits-scenario.ts');
  if (machine.lack === null) {
    return { name: "this machine's", run: () => spawnSync(process.execPath, [scenario, azora], options) };
  }
  const here = `${machine.lack.why}; another kernel`;
  if (spawnSync('linux.uml', ['--version'], options).status !== 0) {
    return `${here} is not to be had: linux.uml (user-mode-linux) is not installed`;
  }
  if (process.getuid?.() !== 0) return `${here} would show its root a file system of another user`;
  const init = join(root, 'test/e2e/rig/another-kernel.sh');
  const args = ['root=/dev/root', 'rootfstype=hostfs', 'hostfs=/', 'rw', `init=${init}`, 'mem=1000M', 'quiet'];
  const given = [`REPOSITORY=${root}`, `NODE=${process.execPath}`, `AZORA=${azora}`, 'con=null', 'con0=fd:0,fd:1'];
  const run = () => {
    const folder = mkdtempSync(join(tmpdir(), 'azora-uml-'));
    try {
      return spawnSync('linux.uml', [...args, ...given, `uml_dir=${folder}`], options);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  return { name: UML, run };
}

const found = kernel();
if (typeof found === 'string') console.warn(`that the kernel holds limits is not tested: ${found}`);

describe.skipIf(typeof found === 'string')('held by the kernel', () => {
  test('processor and memory of whole trees, across the death of the keeper; nothing is left', {
    timeout: 180_000,
  }, (context) => {
    const { stdout, stderr } = (found as Kernel).run();
    const isUml = (found as Kernel).name === UML;
    if (isUml && !/^KERNEL /m.test(stdout)) context.skip(`${UML} does not come up here: ${stderr.slice(-500)}`);
    const runs = [...stdout.matchAll(/^LIMITS (.*?)\r?$/gm)].map(([, json]) => JSON.parse(json!) as Seen);
    expect(runs.length, `${stdout}${stderr}`).toBe(isUml ? 2 : 1);
    for (const seen of runs) {
      const all = { held: ['cpu', 'memory'], watched: [], reason: null };
      expect(seen).toMatchObject({ limits: all, warnings: [], pairPids: 2, inVain: [], left: [] });
      // The hog may have been killed and started again by the time somebody looks.
      expect(new Set(seen.cgroups.map((name) => name.replace(/^hog\.\d$/, 'hog')))).toEqual(
        new Set(['burner.1', 'hog', 'pair.1']),
      );
      expect(seen.burnerShare).toBeGreaterThan(0.05);
      expect(seen.burnerShare).toBeLessThan(0.35);
    }
    const [seen] = runs;
    expect(seen!.limitsAfterKeeper).toMatchObject({ held: ['cpu', 'memory'] });
    const why = 'was killed by the kernel: it used more memory than its 32 MiB (resources.memory)';
    expect(seen!.hog.exits).toEqual([expect.stringContaining(why), expect.stringContaining(why)]);
    expect(seen!.hog.restarts).toEqual([expect.stringMatching(/^hog restarts in/), expect.stringContaining(why)]);
  });
});

const hog = 'const a = []; setInterval(() => { if (a.length < 30) a.push(Buffer.alloc(1e7, 1)); }, 10)';
const burner = 'const { existsSync } = require("fs"); while (!existsSync("enough")); setInterval(() => {}, 1000)';

describe('watched where the kernel does not hold them', () => {
  test('more processor is Degraded for as long; more memory, of the whole tree, restarts; both are said', async () => {
    await using system = await rig.system({
      env: { AZORA_CGROUPS: 'no' },
      yaml: {
        organs: {
          // The shell stays: what uses the memory, and the time, is not the organ's own process but one that it started.
          hog: { command: ['sh', '-c', '"$0" -e "$1"; :', rig.node, hog], resources: { memory: '128Mi' } },
          burner: { command: ['sh', '-c', '"$0" -e "$1"; :', rig.node, burner], resources: { cpu: '200m' } },
          modest: { command: 'sleep 1000', resources: { cpu: 1, memory: '100Mi' } },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const restarting = await system.waitForEvent(({ type, organ }) => type === 'organ-restarting' && organ === 'hog');
    expect(restarting.message).toMatch(/it uses \d{3} MiB of memory, more than its 128 MiB \(resources\.memory\)/);
    const degraded = await system.waitForEvent(({ type, organ }) => type === 'health-changed' && organ === 'burner');
    expect(degraded.data).toMatchObject({ from: 'Unknown', to: 'Healthy' });
    const strained = await system.waitForEvent(({ organ, data }) => organ === 'burner' && data.to === 'Degraded');
    expect(strained.message).toMatch(/it uses \d+ % of a processor, more than its 20 % \(resources\.cpu\)/);
    const { organs, system: shown } = await system.status();
    expect(shown.limits).toEqual({
      held: [],
      watched: expect.arrayContaining(['cpu', 'memory']),
      reason: expect.stringContaining('AZORA_CGROUPS=no'),
    });
    const burning = organs.find(({ organ }) => organ === 'burner')!;
    expect(burning).toMatchObject({ restarts: 0, state: 'ready', reason: expect.stringContaining('(resources.cpu)') });
    expect((await system.expect(0, ['status'])).stdout).toMatch(
      /^limits: \w+ and \w+ watched: AZORA_CGROUPS=no; to have/m,
    );
    system.write('enough', '');
    await system.waitForEvent(
      ({ organ, data }) => organ === 'burner' && data.from === 'Degraded' && data.to === 'Healthy',
    );
    const modest = system.events.filter(({ organ, type }) => organ === 'modest' && type === 'organ-restarting');
    expect(modest).toEqual([]);
    const said = system.events.filter(({ type, message }) => type === 'warning' && message.includes('resources.'));
    expect(said.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^resources\.cpu \(burner, modest\), resources\.memory \(hog, modest\): watched, not held by/,
      ),
    ]);
    const { findings } = JSON.parse((await system.expect(0, ['doctor', '--json'])).stdout);
    expect(findings).toContainEqual(expect.objectContaining({ id: 'limits-watched', level: 'note' }));
  });
});

describe.skipIf(!machine.place)('cgroups', () => {
  test('that a killed keeper leaves behind are found and removed by doctor', async () => {
    await using system = await rig.system({
      yaml: { organs: { one: { command: 'sleep 1000', resources: { cpu: 1 } }, other: { command: 'sleep 1000' } } },
    });
    await system.expect(0, ['up', '-d']);
    const base = readlinkSync(join(system.state.run, 'cgroup'));
    expect(existsSync(join(base, 'one.1'))).toBe(true);
    expect(existsSync(join(base, 'other.1'))).toBe(false);
    await system.expect(0, ['down']);
    expect(existsSync(base)).toBe(false);
    await system.expect(0, ['up', '-d']);
    const { system: daemons, organs } = await system.status();
    process.kill(daemons.keeperPid!, 'SIGSTOP');
    for (const pid of [daemons.pid, daemons.keeperPid, ...organs.map((organ) => organ.pid)])
      process.kill(pid!, 'SIGKILL');
    const findings = async (...flags: string[]) => {
      const { stdout } = await system.run(['doctor', '--json', ...flags]);
      return (JSON.parse(stdout) as { findings: { id: string; fixed: boolean }[] }).findings;
    };
    expect(await findings()).toContainEqual(expect.objectContaining({ id: 'stale-cgroup' }));
    mkdirSync(join(base, 'one.1/deeper')); // as an organ may that minds cgroups of its own
    expect(await findings('--fix')).toContainEqual(expect.objectContaining({ id: 'stale-cgroup', fixed: true }));
    expect(existsSync(base)).toBe(false);
  });
});
