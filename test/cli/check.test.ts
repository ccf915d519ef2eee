import { afterEach, expect, test } from 'vitest';
import type { CheckReport } from '../../src/adapters/control/protocol.ts';
import { aDocument, FakeSupervisor } from './fake-supervisor.ts';
import { project } from './project.ts';
import { azora } from './run.ts';

let supervisor: FakeSupervisor;
afterEach(() => supervisor?.[Symbol.asyncDispose]());

const good = { name: 'chain is valid', organ: 'covenant', passed: true, durationMs: 3, message: 'passed' };
const bad = { name: 'books', organ: null, passed: false, durationMs: 1200, message: 'status 500, expected 200-299' };
const check = async (report: CheckReport, ...args: string[]) => {
  supervisor = await FakeSupervisor.start(aDocument([]), { check: () => report });
  return azora(['check', ...args], { cwd: supervisor.home });
};

test('all pass: 0', async () => {
  const { code, stdout, stderr } = await check({ passed: true, checks: [good], leftOut: [] });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '✔ chain is valid (covenant) 3 ms\n', stderr: '' });
});

test('one fails: 1, with what it found', async () => {
  const { code, stdout } = await check({ passed: false, checks: [good, bad], leftOut: [] });
  expect(code).toBe(1);
  expect(stdout).toContain('✖ books: status 500, expected 200-299 1.2 s\n');
});

test('--json is the document of the contract, and nothing else', async () => {
  const { code, stdout, stderr } = await check({ passed: false, checks: [bad], leftOut: ['x'] }, '--json');
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ version: 1, passed: false, checks: [bad] });
});

test('what is left out is said; without checks that is said', async () => {
  const { code, stdout, stderr } = await check({ passed: true, checks: [], leftOut: ['books'] });
  expect(code).toBe(0);
  expect(stdout).toContain('no checks');
  expect(stderr).toContain('"books" is left out');
});

test('with nothing running: 3', async () => {
  const { code, stderr } = await azora(['check'], { cwd: project() });
  expect(code).toBe(3);
  expect(stderr).toContain('nothing is running');
});
