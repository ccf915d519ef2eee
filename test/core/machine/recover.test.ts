import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KnownLife, recover, unremembered } from '../../../src/core/machine/recover.ts';
import { withDependencies } from '../../../src/core/machine/relations.ts';
import type { Instance, SystemState } from '../../../src/core/machine/state.ts';
import { needs, organ, system, task, World } from './world.ts';

const HELD = new Set<string>();

const life = (generation: number, change: Partial<KnownLife> = {}): KnownLife => ({
  generation,
  pid: 4000 + generation,
  startedAt: 1_700_001_000_000,
  exit: null,
  signalledReady: false,
  ...change,
});

const exitOf = (generation: number, code: number) => ({
  code,
  signal: null,
  at: 1_700_001_000_500,
  pid: 4000 + generation,
  ours: false,
  oomKilled: false,
});

/** A supervisor that knows `state` and finds `lives` goes on; answers its world. */
function takenOver(
  before: World,
  lives: Record<string, KnownLife>,
  { state = before.state, heldDown = HELD, lost = 'supervisor' as 'supervisor' | 'keeper' } = {},
): World {
  const after = new World(before.state.config);
  after.pass(before.at.mono - after.at.mono);
  const found = recover(state, { lives: new Map(Object.entries(lives)), heldDown, lost }, after.at);
  after.resume(found.state, found.effects);
  for (const input of found.inputs) after.send(input);
  after.send({ type: 'act', verb: 'start', instances: [] });
  return after;
}

describe('what a new supervisor makes of an instance', () => {
  const worldWith = (...happens: ((world: World) => void)[]): World => {
    const world = new World(system([organ('a')]));
    world.up();
    for (const happen of happens) happen(world);
    return world;
  };
  const spawned = (world: World): void => world.spawned('a');
  const ready = (world: World): void => world.probed('a');
  const stopping = (world: World): void => world.send({ type: 'act', verb: 'stop', instances: ['a'] });

  test.each([
    ['asked for, and the keeper never heard of it', worldWith(), {}, 'spawning', 2],
    ['asked for, and it runs', worldWith(), { a: life(1) }, 'starting', 1],
    ['asked for, and it has ended already', worldWith(), { a: life(1, { exit: exitOf(1, 7) }) }, 'stopping', 1],
    ['starting, and it runs', worldWith(spawned), { a: life(1) }, 'starting', 1],
    ['starting, and it is gone without a trace', worldWith(spawned), {}, 'spawning', 2],
    ['ready, and it runs', worldWith(spawned, ready), { a: life(1) }, 'ready', 1],
    ['ready, and it has ended', worldWith(spawned, ready), { a: life(1, { exit: exitOf(1, 7) }) }, 'stopping', 1],
    ['ready, and a later life of it runs', worldWith(spawned, ready), { a: life(3) }, 'starting', 3],
    [
      'ready, and a later life of it has ended',
      worldWith(spawned, ready),
      { a: life(3, { exit: exitOf(3, 7) }) },
      'stopping',
      3,
    ],
    ['being stopped, and it runs', worldWith(spawned, ready, stopping), { a: life(1) }, 'stopping', 1],
    ['being stopped, and it is gone', worldWith(spawned, ready, stopping), {}, 'stopped', 1],
  ] as const)('%s', (_, before, lives, tag, generation) => {
    const after = takenOver(before, lives);
    expect([after.tag('a'), after.instance('a').generation]).toEqual([tag, generation]);
  });

  test('what a user stopped stays down, whatever was written down', () => {
    const heldDown = new Set(['a']);
    const running = takenOver(worldWith(spawned, ready), { a: life(1) }, { heldDown });
    expect(running.tag('a')).toBe('stopping');
    running.obeys('a');
    expect(running.tag('a')).toBe('stopped');
    expect(takenOver(worldWith(), {}, { heldDown }).tag('a')).toBe('stopped');
    expect(
      takenOver(worldWith(spawned), { a: life(1, { exit: exitOf(1, 7) }) }, { heldDown }).instance('a').desired,
    ).toBe('down');
  });

  test('an exit is counted once, with its code', () => {
    const after = takenOver(worldWith(spawned, ready), { a: life(1, { exit: exitOf(1, 7) }) });
    after.gone('a', 'killTree');
    expect(after.instance('a')).toMatchObject({ restarts: 1, lastExit: { code: 7 }, state: { tag: 'backoff' } });
    // Taken over once more, a moment later: nothing is counted twice.
    const again = takenOver(after, { a: life(1, { exit: exitOf(1, 7) }) });
    expect(again.instance('a')).toMatchObject({ restarts: 1, state: { tag: 'backoff' } });
    again.pass(500);
    expect(again.tag('a')).toBe('spawning');
  });

  test('its limit to become ready goes on, with a moment of grace', () => {
    const before = worldWith(spawned);
    before.pass(50_000);
    const timer = (world: World) => world.timers.find(({ key }) => key === 'a start-timeout')?.inMs;
    expect(timer(takenOver(before, { a: life(1) }))).toBe(10_000);
    before.pass(9_999);
    expect(timer(takenOver(before, { a: life(1) }))).toBe(2000);
  });

  test('nothing was written down yet: what the boot wants is waiting, the rest is not', () => {
    const world = new World(system([organ('a'), organ('b', { autostart: false })]));
    world.up();
    const blank = new World(world.state.config).state;
    const instances = new Map(
      [...blank.instances].map(([name, instance]) => [name, unremembered(world.state, instance, world.at)]),
    );
    const after = takenOver(world, {}, { state: { ...world.state, instances } });
    expect([after.tag('a'), after.tag('b')]).toEqual(['spawning', 'stopped']);
  });
});

describe('what a new supervisor makes of a boot', () => {
  test('goes on with the step it was in, keeps its deadline, and says ready once', () => {
    const world = new World(
      system([organ('a'), organ('b')], {
        boot: {
          timeoutMs: 120_000,
          steps: [
            { name: 'one', organs: ['a'] },
            { name: 'two', organs: ['b'] },
          ],
        },
      }),
    );
    world.up();
    world.ready('a');
    world.pass(100_000);
    const after = takenOver(world, { a: life(1) });
    expect(after.state.boot.step).toBe(1);
    expect(after.timers.find(({ key }) => key === 'boot')?.inMs).toBe(20_000);
    after.ready('b');
    after.checks();
    expect(after.types().filter((type) => type === 'system-ready')).toHaveLength(1);
    expect(takenOver(after, { a: life(1), b: life(2) }).types()).not.toContain('system-ready');
  });

  test('checks that nobody answered are run again', () => {
    const world = new World(system([organ('a')]));
    world.up();
    world.ready('a');
    expect(world.wants('runChecks')).toBe(true);
    const after = takenOver(world, { a: life(1) });
    after.checks();
    expect(after.state.boot.phase).toBe('ready');
  });

  test('a down goes on, also for instances that had not heard of it', () => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] })]));
    world.up();
    world.ready('a');
    world.ready('b');
    const stale = world.state.instances;
    world.send({ type: 'down', reason: 'azora down', timeoutMs: null });
    const after = takenOver(world, { a: life(1), b: life(1) }, { state: { ...world.state, instances: stale } });
    after.obeys('b');
    after.obeys('a');
    expect(after.state.boot.phase).toBe('stopped');
    expect(takenOver(after, {}).wants('halt')).toBe(true);
  });
});

test('the wall clock decides nothing: set by a day while it runs, everything comes at the same time and in the same order', () => {
  const story = (jumpMs: number): string[] => {
    const world = new World(system([organ('a'), organ('b', { dependsOn: [needs('a')] })]));
    world.up();
    world.ready('a');
    world.wallSetBy = jumpMs;
    world.ready('b');
    world.checks();
    for (let n = 0; n < 4; n++) {
      world.exits('a', 1);
      world.pass(300);
      world.wallSetBy = -jumpMs;
      world.pass(60_000);
      if (world.tag('a') === 'spawning') world.ready('a');
    }
    return [...world.types(), ...world.timers.map(({ key, inMs }) => `${key} in ${inMs}`)];
  };
  const day = 24 * 60 * 60_000;
  expect(story(day)).toEqual(story(0));
  expect(story(-day)).toEqual(story(0));
});

test('after the death of a keeper only what it was asked for is begun again', () => {
  const world = new World(system([organ('a'), organ('b'), organ('c')]));
  world.up();
  world.spawned('a');
  world.ready('b');
  const lives = { a: life(1), b: life(1) };
  const found = recover(
    world.state,
    { lives: new Map(Object.entries(lives)), heldDown: HELD, lost: 'keeper' },
    world.at,
  );
  expect(found.effects).toEqual([]);
  expect(found.state.instances.get('c')!.state.tag).toBe('waiting'); // its spawn is asked for again
  // One whose answer was lost runs, and is not started beside itself, even if something later was tried meanwhile.
  const thought: SystemState = {
    ...world.state,
    instances: new Map(world.state.instances).set('c', {
      ...world.instance('c'),
      generation: 2,
      state: { tag: 'backoff', until: 0 },
    }),
  };
  const known = new Map(Object.entries({ ...lives, c: life(1) }));
  expect(
    recover(thought, { lives: known, heldDown: HELD, lost: 'keeper' }, world.at).state.instances.get('c'),
  ).toMatchObject({
    generation: 1,
    state: { tag: 'starting', life: { pid: 4001 } },
  });
});

// ------------------------------------------------------------------------------------------------ at any moment

/** A keeper as the supervisor sees it: it does what it is asked for, whether or not anybody hears of it. */
class Keeper {
  readonly lives = new Map<string, KnownLife>();

  spawn(instance: string, generation: number): void {
    const now = this.lives.get(instance);
    if (now?.generation === generation) return;
    if (now && now.exit === null)
      throw new Error(`${instance} is started as ${generation} while ${now.generation} runs`);
    if (now && now.generation > generation)
      throw new Error(`${instance} goes back from ${now.generation} to ${generation}`);
    this.lives.set(instance, life(generation));
  }

  end(instance: string, code: number): KnownLife | null {
    const now = this.lives.get(instance);
    if (!now || now.exit) return null;
    const ended = { ...now, exit: exitOf(now.generation, code) };
    this.lives.set(instance, ended);
    return ended;
  }
}

/** Carries one open effect out; `heard`: the supervisor lives to hear of it. */
function carryOut(world: World, keeper: Keeper, pick: number, heard: boolean): void {
  const open = world.pending.filter(({ type }) =>
    ['spawn', 'stopTree', 'killTree', 'verify', 'runChecks', 'awaitReady'].includes(type),
  );
  const effect = open[pick % Math.max(1, open.length)];
  if (!effect) return;
  world.pending = world.pending.filter((each) => each !== effect);
  if (effect.type === 'spawn') {
    keeper.spawn(effect.instance, effect.generation);
    const pid = 4000 + effect.generation;
    if (heard) world.tell(effect.instance, { type: 'spawned', generation: effect.generation, pid });
  } else if (effect.type === 'stopTree' || effect.type === 'killTree') {
    const { instance, generation } = effect;
    const ended = keeper.lives.get(instance)?.generation === generation ? keeper.end(instance, 0) : null;
    if (heard && ended?.exit) world.tell(instance, { type: 'exited', generation, exit: ended.exit });
    if (heard) world.tell(instance, { type: 'gone', generation, left: [] });
  } else if (effect.type === 'runChecks') {
    if (heard) world.send({ type: 'checked', passed: true, checks: [] });
  } else if (effect.type === 'awaitReady') {
    if (heard) world.probed(effect.instance);
  }
}

const happening = fc.record({
  what: fc.constantFrom(
    'carry-out',
    'carry-out',
    'carry-out',
    'exit',
    'stop',
    'start',
    'restart',
    'time',
    'down',
    'die',
  ),
  pick: fc.nat(),
  /** How many changes the record is behind. */
  behind: fc.nat({ max: 4 }),
});

test('whenever a supervisor dies, and however stale its record: never two lives, and the system settles', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      const config = system([
        organ('a'),
        organ('b', { dependsOn: [needs('a')] }),
        organ('c', { dependsOn: [needs('a', 'started')] }),
        task('t'),
      ]);
      const keeper = new Keeper();
      let world = new World(config);
      world.up();
      let heldDown = new Set<string>();
      let record: ReadonlyMap<string, Instance>[] = [];
      for (const { what, pick, behind } of happenings) {
        const name = [...world.state.instances.keys()][pick % 4]!;
        record = [...record, world.state.instances].slice(-5);
        const isDown = world.state.boot.phase === 'stopped' || world.state.boot.phase === 'stopping';
        if (what === 'carry-out') carryOut(world, keeper, pick, true);
        else if (what === 'time') world.pass(700);
        else if (what === 'exit') {
          const ended = keeper.end(name, pick % 3);
          if (ended?.exit) world.tell(name, { type: 'exited', generation: ended.generation, exit: ended.exit });
        } else if (what === 'down') {
          if (pick % 8 === 0) world.send({ type: 'down', reason: 'in the middle', timeoutMs: null });
        } else if (what !== 'die') {
          if (isDown) continue;
          // Durable before anything is done about it.
          const wanted = what === 'start' ? withDependencies(config, [name]) : new Set([name]);
          heldDown = new Set([...heldDown].filter((organ) => !wanted.has(organ)));
          if (what === 'stop') heldDown.add(name);
          world.send({ type: 'act', verb: what, instances: [name] });
        } else {
          if (pick % 2) carryOut(world, keeper, pick, false);
          if (pick % 3 === 0) keeper.end(name, 7);
          const instances = record.at(-1 - behind) ?? record[0]!;
          world = takenOver(world, Object.fromEntries(keeper.lives), {
            state: { ...world.state, instances },
            heldDown,
          });
          record = [world.state.instances];
        }
      }
      for (let round = 0; round < 300; round++) {
        while (
          world.pending.some(({ type }) => ['spawn', 'stopTree', 'killTree', 'runChecks', 'awaitReady'].includes(type))
        )
          carryOut(world, keeper, 0, true);
        if (keeper.end('t', 0))
          world.tell('t', {
            type: 'exited',
            generation: world.instance('t').generation,
            exit: keeper.lives.get('t')!.exit!,
          });
        world.pass(700);
      }
      const running = [...keeper.lives].filter(([, { exit }]) => exit === null).map(([name]) => name);
      const alive = [...world.state.instances.values()]
        .filter(({ state }) => state.tag === 'ready')
        .map(({ name }) => name);
      expect(alive.sort()).toEqual(running.sort());
      const tags = [...world.state.instances.values()].map(({ state }) => state.tag);
      for (const tag of tags) expect(['ready', 'stopped', 'failed', 'completed', 'waiting', 'backoff']).toContain(tag);
      for (const name of heldDown) expect(world.tag(name)).toMatch(/stopped|completed|failed/);

      world.send({ type: 'down', reason: 'the end', timeoutMs: null });
      while (world.pending.some(({ type }) => ['stopTree', 'killTree', 'spawn'].includes(type)))
        carryOut(world, keeper, 0, true);
      expect(world.state.boot.phase).toBe('stopped');
      expect([...keeper.lives.values()].filter(({ exit }) => exit === null)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
