import { expect, test } from 'vitest';
import { plainUp } from '../../src/cli/plain-up.ts';

const global = { file: undefined, stateDir: undefined, progress: 'auto' };
const wish = { organs: null, noDeps: false, fresh: false, clearEmergency: false, profiles: null };
const manner = { detach: false, waitTimeoutMs: null, abortOnFailure: false, exitCodeFrom: null };

test.each<[string, object]>([
  ['up', {}],
  ['up -d', { manner: { ...manner, detach: true } }],
  ['up web db --no-deps', { wish: { ...wish, organs: ['web', 'db'], noDeps: true } }],
  [
    'up --fresh -df other.yaml --no-color',
    { global: { ...global, file: 'other.yaml' }, wish: { ...wish, fresh: true }, manner: { ...manner, detach: true } },
  ],
  ['up --state-dir=/s -- web', { global: { ...global, stateDir: '/s' }, wish: { ...wish, organs: ['web'] } }],
])('a plain line is read without commander: %s', (line, said) => {
  expect(plainUp(line.split(' '))).toEqual({ global, wish, manner, ...said });
});

test.each([
  'down',
  '-d up',
  'up --help',
  'up -h',
  'up --profile dev',
  'up --wait-timeout 5s',
  'up --exit-code-from web',
  'up --abort-on-failure',
  'up --clear-emergency',
  'up --progress plain',
  'up --detach=yes',
  'up --unknown',
  'up -f',
  'up --file=',
  'up --state-dir=',
])('every other line is left to it: %s', (line) => {
  expect(plainUp(line.split(' '))).toBeNull();
});
