import { createOutput } from '../../../src/cli/output.ts';
import { Screen } from '../../../src/cli/top/screen.ts';

/** Opens the screen of `azora top`, and dies of a mistake nobody expected. */
const screen = new Screen(
  createOutput(() => process.stdout, process.env, true),
  () => ['a picture', 'of something'],
);
screen.open();
process.stdin.once('data', () => {
  throw new Error('an unexpected mistake');
});
