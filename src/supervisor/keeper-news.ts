import { failpoint } from '../adapters/failpoint.ts';
import type { InstanceInput } from '../core/machine/inputs.ts';
import type { ExitRecord } from '../keeper/protocol.ts';
import type { KeeperListeners } from './keeper-link.ts';
import type { Lives } from './lives.ts';
import type { SelfHealth } from './self-health.ts';

/** What the keeper tells of its own accord, and what becomes of it. */

export interface NewsMeans {
  readonly recordExit: (exit: ExitRecord) => void;
  readonly lives: () => Lives;
  readonly self: SelfHealth;
  /** Bytes of output that could not be kept, by instance. */
  readonly lostBytes: Map<string, number>;
  readonly tell: (instance: string, input: InstanceInput) => void;
  readonly warn: (message: string) => void;
}

export function keeperNews({ recordExit, lives, self, lostBytes, tell, warn }: NewsMeans): KeeperListeners {
  return {
    exited: (exit) => {
      failpoint('supervisor:exit-heard');
      recordExit(exit);
      failpoint('supervisor:exit-recorded');
      lives().onExited(exit);
      tell(exit.instance, { type: 'exited', generation: exit.generation, exit });
    },
    signalledReady: ({ instance, generation }) => {
      failpoint('supervisor:ready-heard');
      tell(instance, { type: 'signalledReady', generation });
    },
    logTrouble: ({ instance, message, lostBytes: lost }) => {
      lostBytes.set(instance, lost);
      const trouble = `the output of ${instance} is not kept in full: ${message}`;
      self.trouble(`logs:${instance}`, trouble);
      warn(`${trouble}${lost > 0 ? `; ${lost} bytes are lost` : ''}`);
    },
    logRecovered: ({ instance }) => {
      self.over(`logs:${instance}`);
      warn(`the output of ${instance} is kept again`);
    },
  };
}
