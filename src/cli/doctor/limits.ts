import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroup, type Survey } from '../../adapters/cgroup.ts';
import type { StateFolder } from '../../adapters/state-folder.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { cgroupsIn, linkedCgroup } from '../../keeper/cgroups.ts';
import { list } from '../render/text.ts';
import type { Finding, Looked } from './finding.ts';
import { lockHeldBy } from './state.ts';

/** Whether the kernel can hold organs to the limits of the file. @param machine as this process finds it: a keeper started from here would too */
export function lookAtLimits(machine: Survey, organs: SystemConfig['organs']): Looked {
  const named = (['cpu', 'memory'] as const).flatMap((name) => {
    const whose = Object.values(organs).filter(({ resources }) => resources[name] !== null);
    const isHeld = machine.place?.controllers.includes(name) ?? false;
    return whose.length === 0 ? [] : [{ key: `resources.${name}`, whose: whose.map((organ) => organ.name), isHeld }];
  });
  const loose = named.filter(({ isHeld }) => !isHeld);
  if (loose.length === 0) {
    return { findings: [], fine: machine.lack === null ? [`limits by cgroup v2 in ${machine.place!.path}`] : [] };
  }
  const keys = loose.map(({ key, whose }) => `${key} (${list(whose, 5)})`).join(', ');
  const finding: Finding = {
    id: 'limits-watched',
    level: 'note',
    what: `${keys}: the kernel cannot hold organs to that here: ${machine.lack?.why}`,
    why: 'azora watches them: whoever uses more memory is restarted within seconds, whoever uses more processor is Degraded and not slowed down',
    fix: `${machine.lack?.remedy}`,
    repair: null,
  };
  return { findings: [finding], fine: [] };
}

/** Cgroups of this system that no keeper minds any more. */
export function lookAtCgroups({ run, keeperLock }: StateFolder): Looked {
  const link = join(run, 'cgroup');
  const base = linkedCgroup(link);
  const isMinded = (): boolean => lockHeldBy(keeperLock) !== null;
  if (base === null || isMinded()) return { findings: [], fine: [] };
  const pids = existsSync(base) ? (cgroupsIn(base)[0]?.pids ?? []) : [];
  // Processes in there are named by other findings; once they are gone, so can this be.
  if (pids.length > 0) return { findings: [], fine: [] };
  const finding: Finding = {
    id: 'stale-cgroup',
    level: 'problem',
    what: `${base} is a cgroup of this system, which runs no more`,
    why: 'its keeper was killed before it could remove it; the kernel keeps books of it',
    fix: 'remove it',
    repair: () => {
      // One may have been started meanwhile, which takes it as it is.
      if (isMinded()) return;
      if (!removeCgroup(base)) throw new Error(`${base} cannot be removed: it is in use, or another user's`);
      rmSync(link, { force: true });
    },
  };
  return { findings: [finding], fine: [] };
}
