import { flushCompileCache } from 'node:module';
import { loadLibc } from './libc.ts';

/**
 * Ends this process now, for whoever has nothing left to lose. Node's own exit takes itself apart first, which takes 5 ms, and waits for
 * every name that is being looked up, which takes minutes where the name server does not answer; meanwhile this process would hold its
 * locks, and whoever waits for its end would wait on.
 */
export function endNow(code: number): never {
  flushCompileCache();
  loadLibc()?.exit(code);
  // Without the C library there is no way to call a lookup off but the hard one.
  if (process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
