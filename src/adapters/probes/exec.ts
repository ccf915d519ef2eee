import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CheckProbe, Expectation, Probe } from '../../core/config/model.ts';
import { excerpt, readHealthBody, unmet } from '../../core/expectation.ts';
import { killGroup, killMarked } from './leftovers.ts';
import { failed, failedBy, type ProbeOutcome, type ProbeRun, passed, withWords } from './probe.ts';

type ExecProbe = Extract<Probe | CheckProbe, { kind: 'exec' }>;

/** No more than this is kept of stdout and of stderr; the rest is read and dropped, so that the command never blocks. */
const MAX_OUTPUT_BYTES = 64 * 1024;
/** Output that is still in the pipe when the command has ended gets this long to arrive. */
const DRAIN_MS = 200;
/** In the environment of everything a probe starts, so that what it forked away is found again. */
const MARKER = 'AZORA_PROBE_ID';

/**
 * Runs a command in a process group of its own and judges its exit code and output. When it has ended, nothing of its
 * group is left; after a deadline, nothing that moved to a session of its own either. What it prints on stdout may be a
 * health body, as over http.
 */
export async function execProbe(probe: ExecProbe, expect: Expectation, run: ProbeRun): Promise<ProbeOutcome> {
  const { execa } = await import('execa');
  if (run.signal.aborted) return failed(run.watch.elapsedMs(), String(run.signal.reason));

  const [file, ...args] = probe.command.argv;
  const marker = randomUUID();
  const child = execa(file, args, {
    cwd: run.target.cwd,
    env: { ...run.target.env, [MARKER]: marker },
    extendEnv: false,
    stdin: 'ignore',
    detached: true,
    buffer: false,
    reject: false,
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);

  // execa's own result also waits for the end of the output, which a child in the background may hold open.
  const exited = once(child.nodeChildProcess, 'exit').then(
    ([code, signal]: (number | string | null)[]) => ({
      exitCode: code as number | null,
      signal: signal as string | null,
    }),
    () => child, // an 'error' instead: it could not be started, and execa has the true reason
  );
  const aborted = new Promise<'aborted'>((resolve) => {
    run.signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
  const end = await Promise.race([exited, child, aborted]);
  const latencyMs = run.watch.elapsedMs();

  if (end === 'aborted') {
    if (child.pid !== undefined) {
      killGroup(child.pid, false);
      await killMarked(`${MARKER}=${marker}`);
    }
    release(child);
    const said = excerpt(stdout.text() || stderr.text());
    return failed(
      latencyMs,
      `${String(run.signal.reason)} and was killed${said ? `; until then it said: ${said}` : ''}`,
    );
  }
  if (child.pid === undefined) {
    const { originalMessage, code } = await child;
    const reason = `cannot run ${probe.command.text}: ${originalMessage ?? 'it could not be started'}`;
    return failedBy({ code }, latencyMs, reason);
  }
  killGroup(child.pid, true);
  await Promise.race([Promise.all([stdout.ended, stderr.ended]), delay(DRAIN_MS, undefined, { ref: false })]);
  release(child);

  const text = stdout.text();
  const body = readHealthBody(text);
  const reason = unmet(expect, {
    kind: 'exec',
    code: end.exitCode ?? null,
    signal: end.signal ?? null,
    text: expect.body === null ? text : `${text}\n${stderr.text()}`,
    cut: stdout.cut(),
  });
  return reason === null
    ? passed(latencyMs, body)
    : failed(latencyMs, withWords(reason, stderr.text().trim() || text, body), body);
}

/** Keeps the beginning of a stream and lets the rest go by. */
function collect(stream: Readable) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    if (bytes < MAX_OUTPUT_BYTES) chunks.push(chunk);
    bytes += chunk.length;
  });
  const ended = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve()); // a broken pipe ends it as well
  });
  return {
    ended,
    text: () => Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8'),
    cut: () => bytes > MAX_OUTPUT_BYTES,
  };
}

/** Lets go of the pipes, whoever else may still hold them. */
function release(child: { readonly stdout: Readable; readonly stderr: Readable }): void {
  child.stdout.destroy();
  child.stderr.destroy();
}
