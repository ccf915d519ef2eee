import { Client, connectEvents, dataFolder, log, messageOf, serve } from '../kit/index.ts';
import { covenant } from './organ.ts';

/** Milliseconds from an environment variable; undefined when it is not set. */
function milliseconds(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`${name} is "${text}", not a number of milliseconds`);
}

try {
  const autoMineMs = milliseconds('COVENANT_AUTO_MINE_MS');
  const mempoolWarnMs = milliseconds('COVENANT_MEMPOOL_WARN_MS');
  await serve(
    await covenant({
      folder: dataFolder('covenant'),
      bus: connectEvents({ source: 'covenant', client: new Client() }),
      ...(autoMineMs === undefined ? {} : { autoMineMs }),
      ...(mempoolWarnMs === undefined ? {} : { mempoolWarnMs }),
    }),
  );
} catch (error) {
  log(`covenant cannot start: ${messageOf(error)}`);
  process.exit(1);
}
