import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SystemEvent } from '../../src/core/events.ts';
import { rig, type System } from './rig.ts';

const root = resolve(import.meta.dirname, '../..');
const interval = '200ms';
const alertOf = (kind: string) => (event: SystemEvent) => event.type === 'security-alert' && event.data.kind === kind;
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

  test('the chain tampered with: a report goes to Elara, whose decision is carried out as far as it is allowed', async () => {
    for (const allow of [['observe', 'restart-organ', 'stop-organ'], ['observe']]) {
      await using system = await azoraOs(allow);
      await system.expect(0, ['up', '-d', 'covenant', 'elara']);
      const chain = join(system.state.root, 'data/covenant/chain.jsonl');
      writeFileSync(chain, readFileSync(chain, 'utf8').replace(/"timestamp":(\d+)/, '"timestamp":1$1'));
      const found = await system.waitForEvent(findingOf('check:covenant: the chain is valid'));
      expect(found.data.threatLevel).toBe('Critical'); // status says so only until what is decided has been carried out
      await system.waitForEvent(alertOf('report'));
      const { data } = await system.waitForEvent(alertOf('decision'));
      expect(data).toMatchObject({ organ: 'covenant' });
      expect(['restart-organ', 'stop-organ']).toContain(data.action);
      await system.waitForEvent(alertOf(allow.length > 1 ? 'carried-out' : 'refused'));
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
