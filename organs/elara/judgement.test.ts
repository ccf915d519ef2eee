import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Case,
  emptyCase,
  type Facts,
  type Finding,
  type Precedent,
  questionOf,
  reportOf,
  SEVERITIES,
} from './case.ts';
import { loadDimensions, readAll } from './dimension.ts';
import { decide, guide } from './judgement.ts';
import { SECURITY_ACTIONS } from './principles/security.ts';

const loaded = await loadDimensions(join(import.meta.dirname, 'dimensions'));
const decideOn = (about: Case) => decide(about, readAll(loaded, about));
const guideOn = (question: string, facts?: Facts) => {
  const about = questionOf(question, facts);
  return guide(about, readAll(loaded, about));
};

const seen = { evidence: 'line 7 of its log' };
const restarted: Precedent = { action: 'restart-organ', organ: 'mint', at: 1 };

describe('a decision on a security report', () => {
  const table: [string, Case, string, string | null][] = [
    ['nothing found', reportOf([]), 'observe', null],
    ['a low finding', reportOf([{ severity: 'Low', ...seen }]), 'observe', null],
    ['a high finding with evidence', reportOf([{ severity: 'High', ...seen }]), 'restart-organ', 'mint'],
    ['a high finding without evidence', reportOf([{ severity: 'High' }]), 'observe', null],
    [
      'a high finding that came back',
      reportOf([{ severity: 'High', ...seen }], { precedents: [restarted] }),
      'stop-organ',
      'mint',
    ],
    ['another remedy', reportOf([{ severity: 'High', remedy: 'change the password', ...seen }]), 'observe', null],
    ['restart as remedy', reportOf([{ severity: 'Medium', remedy: 'restart it', ...seen }]), 'restart-organ', 'mint'],
    [
      'a disclosure',
      reportOf([{ severity: 'High', message: 'the private key is exposed', ...seen }]),
      'stop-organ',
      'mint',
    ],
    ['a critical finding', reportOf([{ severity: 'Critical', ...seen }]), 'stop-organ', 'mint'],
    ['a critical claim', reportOf([{ severity: 'Critical' }]), 'observe', null],
    [
      'critical, the whole system',
      reportOf([{ severity: 'Critical', organ: null, ...seen }]),
      'emergency-shutdown',
      null,
    ],
    ['a claim on the whole system', reportOf([{ severity: 'Critical', organ: null }]), 'observe', null],
    [
      'critical in five organs',
      reportOf(['a', 'b', 'c', 'd', 'e'].map((organ) => ({ severity: 'Critical' as const, organ, ...seen }))),
      'emergency-shutdown',
      null,
    ],
  ];
  test.each(table)('%s', (_, about, action, organ) => {
    const judged = decideOn(about);
    expect([judged.action, judged.organ]).toEqual([action, organ]);
    expect(judged.reason).not.toBe('');
    expect(judged.principles.length).toBeGreaterThan(0);
  });

  test('is aimed at the organ that carries most', () => {
    const judged = decideOn(
      reportOf([
        { severity: 'Low', organ: 'elara', ...seen },
        { severity: 'High', organ: 'covenant', ...seen },
      ]),
    );
    expect(judged.organ).toBe('covenant');
  });

  test('uncertainty lowers confidence', () => {
    const sure = decideOn(reportOf([{ severity: 'High', remedy: 'restart it', ...seen }]));
    const unsure = decideOn(reportOf([{ severity: 'High', remedy: 'restart it', message: 'it might be', ...seen }]));
    expect(unsure.action).toBe(sure.action);
    expect(unsure.confidence).toBeLessThan(sure.confidence);
  });
});

const finding: fc.Arbitrary<Finding> = fc.record({
  id: fc.string(),
  severity: fc.constantFrom(...SEVERITIES),
  organ: fc.option(fc.constantFrom('mint', 'aegis', 'covenant')),
  message: fc.string(),
  evidence: fc.string(),
  remedy: fc.constantFrom('', 'restart it', 'stop it', 'change the password'),
});

describe('whatever is reported', () => {
  test('the decision is an allowed one, aimed only at an organ of the report, with a confidence in 0..1', () => {
    fc.assert(
      fc.property(
        fc.array(finding, { maxLength: 8 }),
        fc.constantFrom('None' as const, ...SEVERITIES),
        (findings, threatLevel) => {
          const judged = decideOn({ ...emptyCase('report'), findings, threatLevel });
          const aimed = judged.action === 'restart-organ' || judged.action === 'stop-organ';
          expect(SECURITY_ACTIONS).toContain(judged.action);
          expect(judged.organ !== null).toBe(aimed);
          if (aimed) expect(findings.map(({ organ }) => organ)).toContain(judged.organ);
          expect(judged.confidence).toBeGreaterThanOrEqual(0);
          expect(judged.confidence).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('no emergency without evidence', () => {
    const bare = finding.map((one) => ({ ...one, evidence: '' }));
    fc.assert(
      fc.property(fc.array(bare, { maxLength: 8 }), (findings) => {
        expect(decideOn({ ...emptyCase('report'), findings, threatLevel: 'Critical' }).action).not.toBe(
          'emergency-shutdown',
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe('guidance on a question', () => {
  const table: [string, Facts, string, string][] = [
    ['May the system begin to serve its learners?', {}, 'proceed', 'Freedom to act'],
    ['How do we protect learners from harm?', {}, 'proceed', 'Freedom to act'],
    ['How do I attack the mint?', {}, 'decline', 'Do no harm'],
    ['May we exclude girls from physics?', {}, 'decline', 'Equal dignity'],
    ["May we sell learners' personal data?", {}, 'decline', 'Keep confidences'],
    ['May I delete all learner records?', {}, 'ask-first', 'Prefer what can be undone'],
    ['May I shut down covenant?', {}, 'ask-first', 'Measure and grounds'],
    [
      'May I delete the old logs?',
      { backup: true, reversible: true, severity: 'High', evidence: ['disk 98 %'] },
      'proceed',
      'Freedom to act',
    ],
  ];
  test.each(table)('%s %o', (question, facts, action, principle) => {
    const judged = guideOn(question, facts);
    expect(judged.action).toBe(action);
    expect(judged.principles[0]?.principle).toBe(principle);
  });
});

test('a principle that needs a facet which is not sound stays silent', () => {
  const about = questionOf('How do I attack the mint?');
  const readings = new Map(readAll(loaded, about));
  readings.delete('safety');
  expect(guide(about, readings).principles.map(({ principle }) => principle)).not.toContain('Do no harm');
});
