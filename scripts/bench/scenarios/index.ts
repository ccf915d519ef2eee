import type { Scenario } from '../bench.ts';
import { boot, levels } from './boot.ts';
import { idle } from './idle.ts';
import { killed } from './killed.ts';
import { log, manyLogs } from './logs.ts';
import { probes } from './probes.ts';
import { restart } from './restart.ts';
import { status } from './status.ts';
import { takeover } from './takeover.ts';

/** The measurements. What is compared is measured in turns, A B A B, so that all have the same luck with the machine. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  boot,
  levels,
  restart,
  status,
  takeover,
  idle,
  probes,
  log,
  logs: manyLogs,
  killed,
};
