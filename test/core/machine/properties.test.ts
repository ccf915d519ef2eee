import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OrganConfig } from '../../../src/core/config/model.ts';
import { publicState } from '../../../src/core/machine/describe.ts';
import { isHopeless, obstacles } from '../../../src/core/machine/relations.ts';
import { replay } from '../../../src/core/replay.ts';
import { systemStatus } from '../../../src/core/status-view.ts';
import { FAIL, needs, organ, PASS, system, World } from './world.ts';

/**
 * A random graph, random faults, random commands, in any order: the invariants hold after every step, and once faults cease the
 * system settles; once it is told to go down, it does.
 */

const conditions = ['started', 'healthy', 'completed', 'exited'] as const;
const policies = ['always', 'on-failure', 'never'] as const;

const organs = fc.integer({ min: 1, max: 7 }).chain((count) =>
  fc.tuple(
    ...Array.from({ length: count }, (_, index) =>
      fc.record({
        // Only on earlier ones: no cycles, as the configuration guarantees.
        edges: fc.uniqueArray(
          fc.record({
            to: fc.nat({ max: Math.max(0, index - 1) }),
            condition: fc.constantFrom(...conditions),
            required: fc.boolean(),
          }),
          {
            selector: (edge) => edge.to,
            maxLength: index,
          },
        ),
        probed: fc.boolean(),
        policy: fc.constantFrom(...policies),
        critical: fc.boolean(),
        task: fc.boolean(),
        limit: fc.integer({ min: 0, max: 3 }),
      }),
    ),
  ),
);

type Plan = {
  edges: { to: number; condition: (typeof conditions)[number]; required: boolean }[];
  probed: boolean;
  policy: (typeof policies)[number];
  critical: boolean;
  task: boolean;
  limit: number;
};

const organFrom = (plan: Plan, index: number): OrganConfig => {
  const base = organ(`o${index}`);
  return {
    ...base,
    kind: plan.task ? 'task' : 'service',
    critical: plan.critical,
    dependsOn: plan.edges.map((edge) => needs(`o${edge.to}`, edge.condition, edge.required)),
    health: { ...base.health, probe: plan.probed ? base.health.probe : { kind: 'none' } },
    restart: { ...base.restart, policy: plan.policy, limit: plan.limit },
  };
};

/** What may happen next; `pick` chooses among what is possible. */
const happening = fc.record({
  what: fc.constantFrom(
    'answer',
    'exit',
    'fail-probe',
    'pass-probe',
    'time',
    'stop',
    'start',
    'restart',
    'up',
    'stuck',
    'down',
    'silence',
    'own-trouble',
    'emergency',
    'emergency-deadline',
  ),
  pick: fc.nat(),
  code: fc.constantFrom(0, 0, 1, 7),
  ms: fc.constantFrom(1, 200, 700, 5000, 61_000),
});

function happen(
  world: World,
  { what, pick, code, ms }: { what: string; pick: number; code: number; ms: number },
): void {
  const names = [...world.state.instances.keys()];
  const name = names[pick % names.length]!;
  const instance = world.instance(name);
  const running =
    instance.state.tag === 'starting' ||
    instance.state.tag === 'ready' ||
    (instance.state.tag === 'stopping' && !instance.state.exited);
  switch (what) {
    case 'answer':
      answer(world, pick);
      return;
    case 'exit':
      if (running) world.exited(name, code);
      return;
    case 'fail-probe':
      if (running) world.probed(name, FAIL);
      return;
    case 'pass-probe':
      if (running) world.probed(name, PASS);
      return;
    case 'time':
      world.pass(ms);
      return;
    case 'silence':
      world.tell(name, { type: 'unheard', generation: instance.generation, forMs: ms });
      return;
    case 'own-trouble':
      world.send({
        type: 'self',
        verdict: { level: pick % 2 ? 'Degraded' : 'Healthy', reason: pick % 2 ? 'no disk' : null },
      });
      return;
    case 'emergency':
      if (pick % 10 === 0) world.send({ type: 'emergency', reason: 'drill', organ: null });
      return;
    case 'emergency-deadline':
      world.send({ type: 'emergencyDeadline' });
      return;
    case 'up':
      if (!['stopping', 'stopped', 'emergency', 'halted'].includes(world.state.boot.phase)) world.up();
      return;
    case 'down':
      // Seldom, or most of the rest would happen to a system that is down.
      if (pick % 10 === 0) world.send({ type: 'down', reason: 'in the middle', timeoutMs: null });
      return;
    case 'stuck':
      answer(world, pick, true);
      return;
    default:
      if (!isDown(world)) world.send({ type: 'act', verb: what as 'start', instances: [name] });
  }
}

const isDown = ({ state }: World): boolean => state.boot.phase === 'stopped' || state.boot.phase === 'halted';

/** Answers one effect that waits for an answer. */
function answer(world: World, pick: number, stuck = false): void {
  const open = world.pending.filter(({ type }) =>
    ['spawn', 'stopTree', 'killTree', 'verify', 'runChecks'].includes(type),
  );
  if (open.length === 0) return;
  const effect = open[pick % open.length]!;
  switch (effect.type) {
    case 'spawn':
      world.spawned(effect.instance);
      return;
    case 'runChecks':
      world.checks();
      return;
    case 'stopTree':
    case 'killTree': {
      const { state } = world.instance(effect.instance);
      const current = 'life' in state && state.life.generation === effect.generation;
      if (!stuck && current && state.tag === 'stopping' && !state.exited)
        world.exited(effect.instance, null, 'SIGTERM', true);
      world.gone(effect.instance, effect.type, stuck ? [{ pid: 9, command: 'x' }] : []);
      return;
    }
  }
}

/** The events alone give the same states, health, phase and status. */
function eventsTellItAll(world: World): void {
  const told = replay(world.events.map((event, index) => ({ id: index + 1, ts: '', bootId: 'boot', ...event })));
  const { instances, boot } = world.state;
  expect(Object.fromEntries(told.instances)).toEqual(
    Object.fromEntries(
      [...instances.values()].map(({ name, organ, state, verdict }) => [
        name,
        { organ, state: publicState(state.tag), health: verdict.level },
      ]),
    ),
  );
  expect([told.phase, told.status]).toEqual([boot.phase, systemStatus(world.state)]);
}

/** To end is not to recover: what stops says of its status only that it is worse. */
function noFalseRecovery(world: World): void {
  const ranks = ['Operational', 'Degraded', 'Critical'];
  const from = world.events.findIndex(({ type }) => type === 'system-stopping' || type === 'emergency-shutdown');
  for (const { type, data } of from === -1 ? [] : world.events.slice(from)) {
    if (type !== 'system-status-changed') continue;
    expect(ranks.indexOf(String(data.to))).toBeGreaterThan(ranks.indexOf(String(data.from)));
  }
}

function invariants(world: World): void {
  eventsTellItAll(world);
  noFalseRecovery(world);
  // One process per generation, and never two at once.
  const spawns = world.all
    .filter((effect) => effect.type === 'spawn')
    .map((effect) => `${effect.instance}#${effect.generation}`);
  expect(new Set(spawns).size).toBe(spawns.length);
  for (const instance of world.state.instances.values()) {
    if ('life' in instance.state) expect(instance.state.life.generation).toBe(instance.generation);
    if (instance.stopWanted) expect(['starting', 'ready']).toContain(instance.state.tag);
    if (instance.state.tag === 'failed') expect(instance.reason).not.toBeNull();
    // Whoever waits has something to wait for, which the release would otherwise have seen.
    if (instance.state.tag === 'waiting' && instance.desired === 'up' && world.state.boot.phase === 'ready') {
      expect(obstacles(world.state, instance)).not.toEqual([]);
    }
  }
  if (world.state.boot.phase === 'stopped') {
    expect(new Set([...world.state.instances.values()].map((instance) => instance.state.tag))).toEqual(
      new Set(['stopped']),
    );
  }
}

/** Everything behaves from now on. */
function calm(world: World): void {
  for (let round = 0; round < 400; round++) {
    while (world.pending.some(({ type }) => ['spawn', 'stopTree', 'killTree', 'verify', 'runChecks'].includes(type)))
      answer(world, 0);
    for (const [name, instance] of world.state.instances) {
      if (instance.state.tag === 'starting') world.probed(name);
      const organ = world.state.config.organs[instance.organ]!;
      if (organ.kind === 'task' && instance.state.tag === 'ready') world.exited(name, 0);
    }
    world.pass(700);
    if (
      world.pending.every(({ type }) => type === 'monitor' || type === 'unwatch' || type === 'awaitReady') &&
      round > 250
    )
      return;
  }
}

test('whatever happens, the rules hold, the system settles, and down leaves nothing', () => {
  fc.assert(
    fc.property(organs, fc.array(happening, { maxLength: 60 }), (plans, happenings) => {
      const world = new World(system(plans.map(organFrom)));
      world.up();
      for (const one of happenings) {
        happen(world, one);
        invariants(world);
      }
      calm(world);
      invariants(world);
      for (const instance of world.state.instances.values()) {
        const restarting = world.state.config.organs[instance.organ]!.restart.policy === 'always';
        const settled = ['ready', 'completed', 'failed', 'stopped', 'stuck'].includes(instance.state.tag);
        const waits =
          instance.state.tag === 'waiting' &&
          (isHopeless(world.state, instance) || obstacles(world.state, instance).length > 0);
        // A task that is always restarted never settles, and says so.
        expect(settled || waits || restarting, `${instance.name} is ${instance.state.tag}`).toBe(true);
      }
      world.send({ type: 'down', reason: 'test', timeoutMs: null });
      calm(world);
      world.send({ type: 'down', reason: 'once more, for what was stuck', timeoutMs: null });
      calm(world);
      expect(isDown(world)).toBe(true);
      invariants(world);
    }),
    { numRuns: 300 },
  );
});
