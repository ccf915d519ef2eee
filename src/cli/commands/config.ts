import { loadConfig } from '../../adapters/config/load.ts';
import { renderProblems } from '../../adapters/config/render-problems.ts';
import { toYaml } from '../../adapters/config/write.ts';
import type { SystemConfig } from '../../core/config/model.ts';
import { maskedForm } from '../../core/config/written.ts';
import { EXIT, fail } from '../../core/failures.ts';
import { defineCommand } from '../command.ts';

export interface ConfigOptions {
  json?: true;
  check?: true;
  schema?: true;
  profile?: string[];
}

export const command = defineCommand<ConfigOptions>({
  declare: (command) =>
    command
      .option('--json', 'the resolved configuration as one JSON document')
      .option('--check', 'only say whether it is valid')
      .option('--schema', 'print the JSON Schema of azora.yaml')
      .option(
        '--profile <profile>',
        'a profile to activate, instead of those in the file (may be repeated)',
        (name: string, names: string[] = []) => [...names, name],
      ),
  examples: [
    { line: 'azora config', what: 'what azora.yaml means: merged, interpolated, every default filled in' },
    { line: 'azora config --check', what: 'validate it; 0 when it is valid, 2 when not' },
    { line: 'azora config --json --profile dev', what: 'with another profile, for a script' },
    { line: 'azora config --schema > azora.schema.json', what: 'for an editor' },
  ],
  async run(context, operands, options) {
    if (operands.length > 0) fail('usage', `azora config takes no operands, and got "${operands.join(' ')}"`);
    const chosen = (['json', 'check', 'schema'] as const).filter((name) => options[name]);
    if (chosen.length > 1) fail('usage', `--${chosen.join(' and --')} cannot be combined`);
    if (options.schema) {
      const { azoraJsonSchema } = await import('../../core/config/json-schema.ts');
      context.stdout.write(`${JSON.stringify(azoraJsonSchema(), null, 2)}\n`);
      return EXIT.done;
    }
    const { env, cwd, global } = context;
    const result = await loadConfig({
      cwd,
      env,
      ...(global.file === undefined ? {} : { file: global.file }),
      ...(options.profile ? { profiles: options.profile } : {}),
    });
    if (!result.ok) {
      context.stderr.write(`${renderProblems(result.problems, { color: context.stderr.style.level > 0 })}\n`);
      return EXIT.usage;
    }
    for (const warning of result.warnings)
      context.stderr.write(`${context.stderr.style.yellow('warning:')} ${warning}\n`);
    if (options.check) context.stdout.write(`${summary(result.config)}\n`);
    else context.stdout.write(options.json ? configJson(result.config) : configYaml(result.config));
    return EXIT.done;
  },
});

/** The resolved configuration as a file that could stand in its place (but for the masked secrets). */
export function configYaml(config: SystemConfig): string {
  return toYaml(maskedForm(config));
}

export function configJson(config: SystemConfig): string {
  return `${JSON.stringify(maskedForm(config), null, 2)}\n`;
}

function summary({ file, organs, inactive }: SystemConfig): string {
  const count = Object.keys(organs).length;
  const left = inactive.length > 0 ? ` (${inactive.length} more in inactive profiles)` : '';
  return `${file} is valid: ${count} ${count === 1 ? 'organ' : 'organs'}${left}`;
}
