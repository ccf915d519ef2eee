/**
 * The one program behind the three kinds of process: the commands that people type, the supervisor and the keeper. Everything
 * is imported when it is known to be needed, and not before: a command should start as fast as Node itself.
 */

void run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<void> {
  const [first, ...rest] = argv;
  switch (first) {
    case '__keeper': {
      const { runKeeper } = await import('./keeper/main.ts');
      await runKeeper(rest);
      break;
    }
    case '__supervisor': {
      dropLauncherVariables();
      const { runSupervisor } = await import('./supervisor/main.ts');
      await runSupervisor(rest);
      break;
    }
    case '__query': {
      const { runQueryProcess } = await import('./cli/query/child.ts');
      await runQueryProcess(rest);
      break;
    }
    case '__complete': {
      const { printNames } = await import('./cli/completion/names.ts');
      await printNames(rest);
      break;
    }
    default: {
      if (first === 'up') {
        const { headStart } = await import('./cli/head-start.ts');
        headStart(rest, process.env, process.cwd());
      }
      let isAsked = false;
      if (first === 'status' || first === 'ps' || first === 'down') {
        const { askAhead } = await import('./cli/ask-ahead.ts');
        isAsked = await askAhead(argv, process.env, process.cwd());
      }
      const { runCli } = await import('./cli/process.ts');
      await runCli(argv, { isBrief: isAsked });
    }
  }
}

/**
 * What bin/azora set for azora's own processes ($AZORA_UNSET names it: the cache that makes them start faster) must not reach
 * what the supervisor runs: probes, hooks. Commands and the keeper keep it, since they start daemons; organs get the
 * environment of the configuration, which leaves it out.
 */
function dropLauncherVariables(): void {
  for (const name of (process.env.AZORA_UNSET ?? '').split(',')) delete process.env[name];
  delete process.env.AZORA_UNSET;
}
