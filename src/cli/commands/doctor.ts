import { surveyHere } from '../../adapters/cgroup.ts';
import { findFile } from '../../adapters/config/find-file.ts';
import { loadConfig } from '../../adapters/config/load.ts';
import { isClosed, type StateFolder, stateFolder } from '../../adapters/state-folder.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { EXIT, FailureError, fail } from '../../core/failures.ts';
import type { StatusDocument } from '../../core/status.ts';
import type { CommandContext } from '../command.ts';
import { defineCommand } from '../command.ts';
import { connectSupervisor } from '../connect.ts';
import { findSupervisor } from '../daemons.ts';
import { type Finding, joined, type Looked } from '../doctor/finding.ts';
import { lookAtCgroups, lookAtLimits } from '../doctor/limits.ts';
import { lookAtMachine, thisMachine } from '../doctor/machine.ts';
import { lookAtProcesses } from '../doctor/processes.ts';
import { lookAtProject } from '../doctor/project.ts';
import { lookAtState } from '../doctor/state.ts';
import { whereState } from '../locate.ts';

interface DoctorOptions {
  readonly fix?: true;
  readonly json?: true;
}

/** A finding, and what became of it. */
interface Told extends Finding {
  readonly fixed: boolean;
  /** Why --fix could not. */
  readonly trouble: string | null;
}

export const command = defineCommand<DoctorOptions>({
  declare: (command) =>
    command
      .description(
        'Check this machine and this project: Node.js, limits, disk, ports, who may read what, and what an earlier life of the ' +
          'system has left behind. Changes nothing without --fix. Ends with 1 when there is a problem (notes are none).',
      )
      .option('--fix', 'put right what azora can put right by itself; each finding says what that would be')
      .option('--json', 'one JSON document'),
  examples: [
    { line: 'azora doctor', what: 'what is wrong, why it matters, what to do' },
    { line: 'azora doctor --fix', what: 'and do what azora can' },
    { line: 'azora doctor --json', what: 'for a script' },
  ],
  async run(context, operands, options) {
    if (operands.length > 0) fail('usage', `azora doctor takes no operands, and got "${operands.join(' ')}"`);
    const { told, fine } = options.fix ? await lookAndFix(context) : await justLook(context);
    const isWell = told.every(({ level, fixed }) => level === 'note' || fixed);
    context.stdout.write(options.json ? json(told, fine, isWell) : text(context, told, fine));
    return isWell ? EXIT.done : EXIT.failed;
  },
});

async function justLook(context: CommandContext): Promise<{ told: Told[]; fine: readonly string[] }> {
  const { findings, fine } = await look(context);
  return { told: findings.map((finding) => ({ ...finding, fixed: false, trouble: null })), fine };
}

/** Looks again after it has put something right, which may uncover more: pipes are left behind once their processes are gone. */
async function lookAndFix(context: CommandContext): Promise<{ told: Told[]; fine: readonly string[] }> {
  const told = new Map<string, Told>();
  for (;;) {
    const { findings, fine } = await look(context);
    const news = findings.filter(({ id }) => !told.has(id));
    for (const finding of news) told.set(finding.id, await repaired(finding));
    if (!news.some(({ id }) => told.get(id)?.fixed)) return { told: [...told.values()], fine };
  }
}

async function look(context: CommandContext): Promise<Looked> {
  const { config, looked } = await readProject(context);
  const folder = stateOf(context);
  const status = folder && (await statusOf(folder, context.version));
  const organs = Object.values(config?.organs ?? {});
  const machine = lookAtMachine(thisMachine(), folder?.root ?? context.cwd, {
    instances: organs.reduce((sum, { replicas }) => sum + replicas, 0),
  });
  const takeOver = async (): Promise<void> => (await findSupervisor(folder!, context.version))?.close();
  return joined([
    machine,
    lookAtLimits(surveyHere(), config?.organs ?? {}),
    looked,
    // Before the processes: what is put right there starts daemons, which make sockets of their own.
    ...(folder ? [await lookAtState(folder)] : []),
    ...(folder && !isClosed(folder) ? [await lookAtProcesses(folder, takeOver), lookAtCgroups(folder)] : []),
    ...(config ? [await lookAtProject(config, status)] : []),
  ]);
}

async function readProject({
  global,
  cwd,
  env,
}: CommandContext): Promise<{ config: SystemConfig | null; looked: Looked }> {
  const file = global.file === undefined ? {} : { file: global.file };
  if (!('file' in findFile(global.file, cwd, env))) {
    const finding: Finding = {
      id: 'no-file',
      level: 'note',
      what: `there is no azora.yaml in ${cwd} or above it`,
      why: 'only the machine can be looked at',
      fix: 'azora init',
      repair: null,
    };
    return { config: null, looked: { findings: [finding], fine: [] } };
  }
  const loaded = await loadConfig({ cwd, env, ...file });
  if (loaded.ok) return { config: loaded.config, looked: { findings: [], fine: [] } };
  const finding: Finding = {
    id: 'config-invalid',
    level: 'problem',
    what: `azora.yaml: ${loaded.problems.map(({ message, line }) => (line === null ? message : `line ${line}: ${message}`)).join('; ')}`,
    why: 'nothing is started from a file with an error',
    fix: 'azora config --check',
    repair: null,
  };
  return { config: null, looked: { findings: [finding], fine: [] } };
}

function stateOf(context: CommandContext): StateFolder | null {
  try {
    return stateFolder(whereState(context).root);
  } catch (error) {
    if (error instanceof FailureError) return null; // No file: then there is no state of it either.
    throw error;
  }
}

/** Starts nothing: what is not there is said by other findings. */
async function statusOf(folder: StateFolder, version: string): Promise<StatusDocument | null> {
  try {
    const connection = await connectSupervisor(folder, version);
    if (!connection) return null;
    const status = connection.hello.bootId === null ? null : await connection.request('status', null);
    connection.close();
    return status;
  } catch (error) {
    if (error instanceof FailureError) return null; // It does not answer, which is a finding of its own.
    throw error;
  }
}

async function repaired(finding: Finding): Promise<Told> {
  if (finding.repair === null) return { ...finding, fixed: false, trouble: null };
  try {
    await finding.repair();
    return { ...finding, fixed: true, trouble: null };
  } catch (error) {
    return { ...finding, fixed: false, trouble: error instanceof Error ? error.message : String(error) };
  }
}

function json(told: readonly Told[], fine: readonly string[], passed: boolean): string {
  const findings = told.map(({ id, level, what, why, fix, repair, fixed, trouble }) => {
    return { id, level, what, why, fix, fixable: repair !== null, fixed, trouble };
  });
  return `${JSON.stringify({ version: 1, passed, findings, fine }, null, 2)}\n`;
}

function text({ stdout: { style } }: CommandContext, told: readonly Told[], fine: readonly string[]): string {
  const lines = told.flatMap(({ level, what, why, fix, repair, fixed, trouble }) => {
    const mark = fixed ? style.green('fixed') : level === 'problem' ? style.red('problem') : style.yellow('note');
    const todo = fixed
      ? []
      : [
          `  ${repair === null ? fix : `azora doctor --fix: ${fix}`}`,
          ...(trouble === null ? [] : [`  it could not be done: ${trouble}`]),
        ];
    return [`${mark}: ${what}`, `  ${style.dim(why)}`, ...todo];
  });
  const left = told.filter(({ level, fixed }) => level === 'problem' && !fixed).length;
  const verdict = left > 0 ? `${left === 1 ? 'one problem' : `${left} problems`}` : 'no problems';
  return `${[...lines, `${style.bold(verdict)}; in order: ${fine.join(', ')}`].join('\n')}\n`;
}
