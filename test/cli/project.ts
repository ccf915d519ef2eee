import { rmSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { newProject } from './fake-supervisor.ts';

/** A folder with an azora.yaml, of which nothing runs, for as long as the test does. */
export function project(yaml?: string): string {
  const home = newProject(yaml);
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}
