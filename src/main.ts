/**
 * The one program behind the three kinds of process: the commands that people type, the supervisor and the keeper. Everything
 * is imported when it is known to be needed, and not before: a command should start as fast as Node itself.
 */

// What the launcher set for this process alone (a cache for its start-up) must not reach the organs.
for (const name of (process.env.AZORA_UNSET ?? '').split(',')) delete process.env[name];
delete process.env.AZORA_UNSET;

const [first, ...rest] = process.argv.slice(2);
switch (first) {
  case '__keeper': {
    const { runKeeper } = await import('./keeper/main.ts');
    await runKeeper(rest);
    break;
  }
  case '__supervisor': {
    const { runSupervisor } = await import('./supervisor/main.ts');
    await runSupervisor(rest);
    break;
  }
  default: {
    const { runCli } = await import('./cli/process.ts');
    await runCli(process.argv.slice(2));
  }
}
