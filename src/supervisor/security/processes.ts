import { type Listening, listeningSockets, socketsOf, whoListens } from '../../adapters/sockets-table.ts';
import type { Finding } from '../../core/security.ts';
import { commandOf, readStat } from '../../keeper/identity.ts';
import type { TreeMember } from '../../keeper/protocol.ts';

/** What an organ's processes do that nobody declared. */

export interface Tree {
  readonly organ: string;
  readonly instance: string;
  /** The leader first. */
  readonly processes: readonly TreeMember[];
  /** The ports that the file gives it. */
  readonly ports: readonly number[];
}

/** Which sockets a process holds. */
export type Holdings = (process: TreeMember) => ReadonlySet<string>;

/** Of a process that has not run since it was looked at last, what it held then. */
export class HeldSockets {
  #before = new Map<number, ReadonlySet<string>>();

  round(): Holdings {
    const before = this.#before;
    const now = new Map<number, ReadonlySet<string>>();
    this.#before = now;
    return ({ pid, asBefore }) => {
      const held = now.get(pid) ?? (asBefore ? before.get(pid) : undefined) ?? socketsOf(pid);
      now.set(pid, held);
      return held;
    };
  }
}

/** The machine's sockets that listen. */
export type Listeners = () => readonly Listening[];

/**
 * For one round: the kernel goes through all that any program of the machine has open to tell them (5 to 20 ms), so it is asked once, and
 * not at all where no organ has a port or a socket.
 */
export function listenersOfARound(): Listeners {
  let seen: readonly Listening[] | null = null;
  return () => {
    seen ??= listeningSockets();
    return seen;
  };
}

/** Ports that no organ declares, and addresses that others can reach. */
export function undeclaredListeners(trees: readonly Tree[], listeners: Listeners, socketsHeldBy: Holdings): Finding[] {
  return trees.flatMap((tree) =>
    tree.processes.flatMap((member) =>
      [...socketsHeldBy(member)].flatMap((inode): Finding[] => {
        const socket = listeners().find((each) => each.inode === inode);
        if (!socket) return [];
        const declared = tree.ports.includes(socket.port);
        if (declared && socket.loopback) return [];
        const where = `${socket.address}:${socket.port}`;
        return [
          {
            id: `listens:${tree.instance}:${where}`,
            severity: declared ? 'Medium' : socket.loopback ? 'Low' : 'High',
            organ: tree.organ,
            message: declared
              ? `${tree.instance} can be reached from other machines`
              : `${tree.instance} listens on a port that it does not declare`,
            evidence: `pid ${member.pid} (${titleOf(member)}) listens on ${where}`,
            remedy: declared
              ? 'Bind it to 127.0.0.1, or put the gateway in front of it.'
              : `Declare it (ports:), or find out why it listens.`,
          },
        ];
      }),
    ),
  );
}

/**
 * Ports of an organ on which somebody else listens: whoever asks the organ is answered by that one, its health check included. Only where
 * it can be seen who it is.
 */
export function strangersOnPorts(trees: readonly Tree[], listeners: Listeners, socketsHeldBy: Holdings): Finding[] {
  return trees.flatMap((tree) =>
    tree.ports.flatMap((port): Finding[] => {
      const inodes = listeners().flatMap((socket) => (socket.port === port ? [socket.inode] : []));
      if (inodes.length === 0 || tree.processes.some((each) => hasOneOf(socketsHeldBy(each), inodes))) return [];
      const who = whoListens(port);
      if (!who || tree.processes.some(({ pid }) => pid === who.pid)) return [];
      return [
        {
          id: `stranger:${tree.instance}:${port}`,
          severity: 'Medium',
          organ: tree.organ,
          message: `on port ${port} of ${tree.instance} somebody else answers`,
          evidence: `pid ${who.pid} (${who.command}) listens there, and is none of its processes`,
          remedy: `If it does so on behalf of ${tree.organ} (as for a container), all is well; else end it, and azora restart ${tree.organ}.`,
        },
      ];
    }),
  );
}

const hasOneOf = (held: ReadonlySet<string>, inodes: readonly string[]): boolean =>
  inodes.some((inode) => held.has(inode));

/** Members of a tree that have left their organ's session: daemons, or something that hides. */
export function escapedProcesses(trees: readonly Tree[]): Finding[] {
  return trees.flatMap((tree) => {
    const [leader, ...others] = tree.processes;
    if (!leader) return [];
    return others
      .filter(({ session }) => session !== leader.pid)
      .map((member): Finding => {
        const command = titleOf(member);
        return {
          id: `escaped:${tree.instance}:${command}`,
          severity: 'Low',
          organ: tree.organ,
          message: `a process of ${tree.instance} has left its session`,
          evidence: `pid ${member.pid} (${command})`,
          remedy: 'azora ends it with the organ all the same; run it in the foreground, or as an organ of its own.',
        };
      });
  });
}

/** What a process runs. Looked up for those only of which there is something to say. */
function titleOf({ pid, command }: TreeMember): string {
  if (command !== null) return command;
  const stat = readStat(pid);
  return stat ? commandOf(stat) : 'gone meanwhile';
}
