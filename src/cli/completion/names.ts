import { parseArgs } from 'node:util';
import { ownVersion } from '../../adapters/version.ts';
import { connectSupervisor } from '../connect.ts';
import { declaredNames } from '../declared.ts';
import { locateState } from '../locate.ts';

/**
 * Names to complete: organs as the file declares them, or whatever can be acted on now, instances included; organs with the `=`
 * that `azora scale` wants; profiles of the file.
 */
export type NameKind = 'organs' | 'instances' | 'counts' | 'profiles';

/** Whoever presses Tab waits for this, and wants no message. */
const PATIENCE_MS = 1_500;
/** A supervisor that does not answer by then is not asked any further: the file has names too. */
const SUPERVISOR_MS = 500;

/** A name that means nothing to any shell. */
const HARMLESS = /^[\w.-]+=?$/;

/** `azora __complete <kind> [--file F] [--state-dir D]`: prints names, one a line; nothing where there are none to be had. */
export async function printNames(args: readonly string[]): Promise<void> {
  const giveUp = setTimeout(() => process.exit(0), PATIENCE_MS);
  const names = await findNames(args).catch(() => []); // It is a keystroke, not a command: nothing to complete is the answer.
  clearTimeout(giveUp);
  const text = names.filter((name) => HARMLESS.test(name)).map((name) => `${name}\n`);
  process.stdout.on('error', () => {}).end(text.join(''), () => process.exit(0));
}

async function findNames(args: readonly string[]): Promise<readonly string[]> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { file: { type: 'string', short: 'f' }, 'state-dir': { type: 'string' } },
    allowPositionals: true,
  });
  const where: Where = {
    global: { file: values.file, stateDir: values['state-dir'], progress: 'auto' },
    env: process.env,
    cwd: process.cwd(),
  };
  switch (positionals[0] as NameKind) {
    case 'organs':
      return firstOf(declaredOrgans(where), () => runningOrgans(where));
    case 'instances':
      return firstOf(runningInstances(where), () => declaredOrgans(where));
    case 'counts':
      return (await firstOf(runningOrgans(where), () => declaredOrgans(where))).map((name) => `${name}=`);
    case 'profiles':
      return (await declaredNames(where)).profiles;
    default:
      return [];
  }
}

type Where = Parameters<typeof declaredNames>[0];
type Names = readonly string[];

/** The other source where the first fails or has none. */
async function firstOf(first: Promise<Names>, other: () => Promise<Names>): Promise<Names> {
  const names = await first.catch((): Names => []);
  return names.length > 0 ? names : other();
}

const declaredOrgans = async (where: Where): Promise<Names> => (await declaredNames(where)).organs;

const runningOrgans = async (where: Where): Promise<Names> => [
  ...new Set((await runningStatus(where)).map(({ organ }) => organ)),
];

const runningInstances = async (where: Where): Promise<Names> => [
  ...new Set((await runningStatus(where)).flatMap(({ organ, instance }) => [organ, instance])),
];

async function runningStatus(where: Where): Promise<readonly { organ: string; instance: string }[]> {
  const asked = connectSupervisor(locateState(where), ownVersion()).then(async (connection) => {
    if (!connection) return [];
    const { organs } = await connection.request('status', null);
    connection.close();
    return organs;
  });
  const late = new Promise<never[]>((resolve) => setTimeout(() => resolve([]), SUPERVISOR_MS));
  return Promise.race([asked, late]);
}
