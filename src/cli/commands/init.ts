import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Draft } from '../../core/coming-from/draft.ts';
import { EXIT, fail } from '../../core/failures.ts';
import type { CommandContext } from '../command.ts';
import { defineCommand } from '../command.ts';
import { editorLines } from '../init/editor.ts';
import { settle } from '../init/settle.ts';
import { type FoundSource, findSources, SOURCES, sourceOf } from '../init/sources.ts';
import { STARTER } from '../init/starter.ts';
import { writeDraft } from '../init/write.ts';
import { count, oneLine } from '../render/text.ts';

interface InitOptions {
  readonly from?: string;
  readonly force?: true;
}

export const command = defineCommand<InitOptions>({
  declare: (command) =>
    command
      .description(
        'Write an azora.yaml from what declares this project already. Of several the first is taken, in this order: ' +
          `${SOURCES.map(({ kind }) => kind).join(', ')}; with none of them it is a file to begin with. What has no equivalent ` +
          'is listed, and stands as comments in the file.',
      )
      .option('--from <file>', 'read this file; azora.yaml is written beside it')
      .option('--force', 'write over an azora.yaml that is there'),
  examples: [
    { line: 'azora init', what: 'from the compose file, Procfile, package.json, … found here' },
    { line: 'azora init --from ecosystem.config.js', what: 'from this one' },
    { line: 'azora init && azora up', what: 'and boot it' },
  ],
  async run(context, operands, options) {
    if (operands.length > 0)
      fail('usage', `azora init takes no operands, and got "${operands.join(' ')}"`, 'azora init --from FILE');
    const found =
      options.from === undefined ? findSources(context.cwd) : [sourceOf(resolve(context.cwd, options.from))];
    const chosen = found[0];
    const target = targetOf(context, chosen, options);
    const shown = relative(context.cwd, target) || target;
    if (existsSync(target) && !options.force) {
      fail(
        'usage',
        `${shown} is there already`,
        'azora init --force writes over it; azora config --check looks at it.',
      );
    }
    const head = editorLines(dirname(target));
    if (chosen === undefined) {
      write(target, `${head.join('\n')}\n${STARTER}`);
      context.stderr.write(
        `nothing was found here that declares programs (${SOURCES.map(({ kind }) => kind).join(', ')}): a file to begin with\n`,
      );
      context.stdout.write(`${shown}\n`);
      return EXIT.done;
    }
    const draft = await settle(await chosen.source.read(chosen.path), target, context);
    write(target, writeDraft(draft, basename(chosen.path), head).text);
    report(context, draft, chosen, found.slice(1));
    context.stdout.write(`${shown}\n`);
    return EXIT.done;
  },
});

/** Where --file says, else beside what was read. */
function targetOf({ cwd, global }: CommandContext, chosen: FoundSource | undefined, { from }: InitOptions): string {
  if (global.file !== undefined) return resolve(cwd, global.file);
  return from !== undefined && chosen ? join(dirname(chosen.path), 'azora.yaml') : join(cwd, 'azora.yaml');
}

/** In one step: nobody reads half of it. */
function write(target: string, text: string): void {
  const trial = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(trial, text, { flag: 'wx' });
    renameSync(trial, target);
  } catch (cause) {
    rmSync(trial, { force: true });
    fail('usage', `cannot write ${target}: ${(cause as Error).message}`, null, cause);
  }
}

function report({ stderr }: CommandContext, draft: Draft, chosen: FoundSource, others: readonly FoundSource[]): void {
  const { style } = stderr;
  const active = draft.organs.filter(({ inactive }) => !inactive);
  const lines = [`${count(active.length, 'organ')} from ${basename(chosen.path)} (${chosen.source.kind})`];
  if (others.length > 0) {
    const names = others.map(({ path }) => basename(path)).join(', ');
    lines.push(`also seen, and left alone: ${names} (azora init --from FILE takes another)`);
  }
  const aside = draft.organs.filter(({ inactive }) => inactive);
  if (aside.length > 0)
    lines.push(
      style.yellow(
        `as comments only, since azora cannot run them as they are: ${aside.map(({ name }) => name).join(', ')}`,
      ),
    );
  const notes = [
    ...draft.notes.map((note) => ['', note]),
    ...draft.organs.flatMap(({ name, notes: own }) => own.map((note) => [`${name}: `, note])),
  ];
  if (notes.length > 0) lines.push('to look at (all of it stands in the file too):');
  lines.push(...notes.map(([who, note]) => `  ${style.bold(who!)}${oneLine(note!)}`));
  lines.push('next: azora config --check, azora up');
  stderr.write(`${lines.join('\n')}\n`);
}
