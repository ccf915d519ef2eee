import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import type { Finding } from '../../src/core/security.ts';
import { rig, type System } from './rig.ts';

const root = resolve(import.meta.dirname, '../..');
const interval = '200ms';
const alertOf = (kind: string) => (event: SystemEvent) => event.type === 'security-alert' && event.data.kind === kind;
const idOf = ({ data }: SystemEvent) => String((data.finding as { id: string }).id);
const findingOf = (part: string) => (event: SystemEvent) =>
  alertOf('finding')(event) && String((event.data.finding as { id: string }).id).startsWith(part);

describe('the security monitor', () => {
  test('finds a port that nobody declared, and that others can reach', async () => {
    await using system = await rig.system({
      yaml: {
        security: { interval },
        organs: {
          open: {
            command: [
              rig.node,
              '-e',
              "const s=require('net').createServer();s.listen(0,'0.0.0.0',()=>console.log('listening '+s.address().port))",
            ],
            health: { log: 'listening' },
          },
        },
      },
    });
    await system.expect(0, ['up', '-d']);
    const { message, data } = await system.waitForEvent(findingOf('listens:open:0.0.0.0:'));
    expect(message).toContain('open listens on a port that it does not declare');
    expect(data.threatLevel).toBe('High');
    expect((await system.status()).system.threatLevel).toBe('High');
  });

  test('finds a program that was changed, a secret in the logs, and a state folder that was opened', async () => {
    await using system = await rig.system({
      yaml: {
        security: { interval },
        env: { API_TOKEN: 'a-very-secret-value' },
        organs: { web: { command: './serve.sh' }, talker: rig.puppet() },
      },
      files: { 'serve.sh': '#!/bin/sh\nexec sleep 1000\n' },
    });
    await system.expect(0, ['up', '-d']);
    await system.puppet('talker').connected();
    await system.waitForEvent(({ type }) => type === 'system-ready');

    system.write('serve.sh', '#!/bin/sh\nexec sleep 2000\n');
    expect((await system.waitForEvent(findingOf('file-changed:web'))).data.threatLevel).toBe('High');

    await system.puppet('talker').order({ say: 'my token is a-very-secret-value' });
    const leak = await system.waitForEvent(findingOf('secret-in-log:talker:API_TOKEN'));
    expect(JSON.stringify(leak)).not.toContain('a-very-secret-value');
  });

  test('each kind of finding: provoked, with evidence and remedy, and over when it is mended', async () => {
    const listener = (host: string, port: string) =>
      `require('net').createServer().listen(${port},'${host}',()=>console.log('listening'))`;
    const listens = (host: string, port: string, more: object = {}) => ({
      command: [rig.node, '-e', listener(host, port)],
      health: { log: 'listening' },
      ...more,
    });
    const check = { name: 'no breach', exec: 'test ! -e breach', severity: 'Medium', remedy: 'Close it.' };
    await using system = await rig.system({
      yaml: {
        security: { interval, checks: [check] },
        organs: {
          inner: listens('127.0.0.1', '0'),
          outer: listens('0.0.0.0', 'process.env.PORT', { ports: { http: 'auto' } }),
          good: listens('127.0.0.1', 'process.env.PORT', { ports: { http: 'auto' } }),
          web: { command: './serve.sh', env_file: ['web.env'] },
          runaway: rig.puppet(),
        },
      },
      files: { 'serve.sh': '#!/bin/sh\nexec sleep 1000\n', 'web.env': 'COLOUR=red\n' },
    });
    chmodSync(system.path('web.env'), 0o644);
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(({ type }) => type === 'system-ready');
    const found = async (id: string, severity: string, evidence: RegExp) => {
      const finding = (await system.waitForEvent(findingOf(id))).data.finding as unknown as Finding;
      expect(finding).toMatchObject({ severity, evidence: expect.stringMatching(evidence) });
      expect(finding.remedy).toMatch(/\w/);
      return finding;
    };
    const over = (id: string) =>
      system.waitForEvent((event) => alertOf('over')(event) && idOf(event).startsWith(id) && event.id > heard);
    const { pid } = await system.instance('outer');
    const port = (await system.instance('outer')).ports.http!;
    await found('listens:inner:127.0.0.1:', 'Low', /listens on 127\.0\.0\.1:\d+$/);
    await found(
      `listens:outer:0.0.0.0:${port}`,
      'Medium',
      new RegExp(`^pid ${pid} .* listens on 0\\.0\\.0\\.0:${port}$`),
    );
    await found('open-env-file:', 'Low', /^mode 644$/);
    if (process.getuid!() === 0) await found('root', 'Low', /^uid 0$/);
    const { pid: escaped } = await system.puppet('runaway').order({ spawn: ['sleep', '1000'], detached: true });
    await found('escaped:runaway:sleep 1000', 'Low', new RegExp(`^pid ${escaped} `));

    let heard = 0;
    const mended = async (id: string, mend: () => unknown) => {
      heard = system.events.at(-1)!.id;
      await mend();
      await over(id);
    };
    system.write('breach', '');
    expect(await found('check:no breach', 'Medium', /^exit code 1, expected 0/)).toMatchObject({ remedy: 'Close it.' });
    await mended('check:no breach', () => rmSync(system.path('breach')));

    for (const path of [system.state.root, system.state.supervisorSocket, system.state.keeperSocket]) {
      const { mode } = statSync(path);
      chmodSync(path, mode | 0o055);
      await found(`open-state:${path}`, 'High', /^mode 755|^mode 655/);
      await mended(`open-state:${path}`, () => chmodSync(path, mode));
    }
    chmodSync(system.path('web.env'), 0o666);
    await system.waitForEvent((event) => findingOf('open-env-file:')(event) && event.data.threatLevel === 'High');
    await mended('open-env-file:', () => chmodSync(system.path('web.env'), 0o600));

    const yaml = readFileSync(system.path('azora.yaml'), 'utf8');
    system.write('azora.yaml', `${yaml}\n`);
    await found('file-changed:azora.yaml', 'Low', /azora\.yaml, modified 20/);
    await mended('file-changed:azora.yaml', () => system.expect(0, ['reload']));

    // A supervisor that takes over knows what is open, and what the files were.
    // At one blow: a round between the emptying and the writing would see two changes, the second after the take-over.
    system.write('next.sh', '#!/bin/sh\nexec sleep 2000\n');
    renameSync(system.path('next.sh'), system.path('serve.sh'));
    await found('file-changed:web:', 'High', /serve\.sh, modified 20/);
    const { system: whole } = await system.status();
    process.kill(whole.pid!, 'SIGKILL');
    const after = await system.waitFor(({ system: { pid } }) => pid !== whole.pid);
    expect(after.system.threatLevel).toBe('High');
    heard = (await system.waitForEvent(({ type }) => type === 'supervisor-started')).id;
    rmSync(system.path('serve.sh'));
    const news = ['executable-moved:web', `file-changed:web:${system.path('serve.sh')}`];
    for (const id of news)
      await system.waitForEvent((event) => event.id > heard && event.type === 'security-alert' && idOf(event) === id);
    // Nothing else was new to it.
    const alerts = system.events.filter((event) => event.id > heard && event.type === 'security-alert');
    expect(alerts.map(idOf).sort()).toEqual(news);
    expect(alerts.map(({ data }) => (data.finding as unknown as Finding).organ)).toEqual(['web', 'web']);
    expect(JSON.stringify(system.events)).not.toContain('listens:good');
  });

  test('a report goes out once for each new or changed finding, and again until the organ that decides answers', async () => {
    const judge = rig.puppet({ ports: { http: 'auto' }, health: { http: '/healthz' } }, ['--listen']);
    const check = { name: 'no breach', exec: 'cat breach; test ! -e breach', severity: 'High' };
    await using system = await rig.system({
      yaml: {
        security: {
          interval,
          checks: [check],
          escalate: { organ: 'judge', path: '/decisions', at: 'High' },
          allow: ['observe'],
        },
        organs: { judge, web: rig.puppet() },
      },
    });
    await system.expect(0, ['up', '-d']);
    const of = (kind: string) => system.events.filter(alertOf(kind));
    await system.puppet('judge').order({ health: { status: 503 } });
    system.write('breach', 'the door is open');
    await system.waitForEvent(alertOf('report'));
    await system
      .puppet('judge')
      .order({ health: { status: 200, body: { action: 'observe', reason: 'seen', confidence: 0.7 } } });
    const { message } = await system.waitForEvent(alertOf('decision'));
    expect(message).toBe('judge decided: observe: seen (confidence 0.7)');
    expect(of('report')).toHaveLength(1);
    expect(of('no-decision')).toHaveLength(0);

    await system.puppet('judge').order({ health: { body: { action: 'emergency-shutdown', reason: 'enough' } } });
    system.write('breach', 'the safe is open');
    await system.waitForEvent(alertOf('refused'));
    expect(of('report')).toHaveLength(2);
    expect((await system.status()).system.phase).toBe('ready');
    expect(of('refused')[0]!.message).toContain('security.allow lists only observe');
  });

  test('what is secret is in no report', async () => {
    const judge = {
      command: [
        rig.node,
        '-e',
        `require('http').createServer((q, r) => {
          if (q.method === 'GET') return r.end('{}');
          let body = '';
          q.on('data', (part) => (body += part)).on('end', () => {
            require('fs').writeFileSync('report.json', body);
            r.end('{"action":"observe"}');
          });
        }).listen(process.env.PORT, '127.0.0.1')`,
      ],
      ports: { http: 'auto' },
      health: { http: '/' },
    };
    const check = {
      name: 'vault is shut',
      organ: 'judge',
      exec: 'sh -c "echo it says $API_TOKEN; exit 1"',
      severity: 'High',
    };
    await using system = await rig.system({
      yaml: {
        env: { API_TOKEN: 'a-very-secret-value' },
        security: { interval, checks: [check], escalate: { organ: 'judge', path: '/decisions', at: 'High' } },
        organs: { judge },
      },
    });
    await system.expect(0, ['up', '-d']);
    await system.waitForEvent(alertOf('decision'));
    const report = readFileSync(system.path('report.json'), 'utf8');
    expect(JSON.parse(report)).toMatchObject({
      threatLevel: 'High',
      findings: [{ id: 'check:vault is shut', evidence: expect.stringContaining('it says ***') }],
      system: { status: 'Operational', organs: [{ organ: 'judge', critical: false }] },
    });
    expect(report).not.toContain('a-very-secret-value');
  });

  test('the chain tampered with: a report goes to Elara, whose decision is carried out as far as it is allowed', async () => {
    for (const allow of [['observe', 'restart-organ', 'stop-organ'], ['observe']]) {
      await using system = await azoraOs(allow);
      await system.expect(0, ['up', '-d', 'covenant', 'elara']);
      const { pid } = await system.instance('covenant');
      const chain = join(system.state.root, 'data/covenant/chain.jsonl');
      writeFileSync(chain, readFileSync(chain, 'utf8').replace(/"timestamp":(\d+)/, '"timestamp":1$1'));
      const found = await system.waitForEvent(findingOf('check:covenant: the chain is valid'));
      expect(found.data.threatLevel).toBe('Critical'); // status says so only until what is decided has been carried out
      await system.waitForEvent(alertOf('report'));
      const { data } = await system.waitForEvent(alertOf('decision'));
      expect(data).toMatchObject({ organ: 'covenant' });
      expect(['restart-organ', 'stop-organ']).toContain(data.action);
      if (allow.length > 1) {
        const { id } = await system.waitForEvent(alertOf('carried-out'));
        const acted = await system.waitForEvent(
          (event) => event.id > id && event.type === 'organ-stopping' && event.organ === 'covenant',
        );
        expect(acted.message).toMatch(/for security/);
        await expect.poll(() => system.isAlive(pid!), { timeout: 15_000 }).toBe(false);
      } else {
        const { message } = await system.waitForEvent(alertOf('refused'));
        expect(message).toContain('is not carried out: security.allow lists only observe');
        expect((await system.instance('covenant')).pid).toBe(pid);
      }
    }
  }, 120_000);
});

function azoraOs(allow: readonly string[]): Promise<System> {
  return rig.system({
    yaml: { name: 'azora-os', include: [join(root, 'azora.yaml'), './often.yaml'], organs: {} },
    files: { 'often.yaml': JSON.stringify({ security: { interval: '300ms', allow } }) },
    env: { NODE_COMPILE_CACHE: '' },
  });
}
