import { connect } from 'node:net';
import type { CheckProbe, Expectation, Probe } from '../../core/config/model.ts';
import { connectionReason, failed, failedBy, hostPort, type ProbeOutcome, type ProbeRun, passed } from './probe.ts';

type TcpProbe = Extract<Probe | CheckProbe, { kind: 'tcp' }>;

/** Passes as soon as the connection is accepted, and closes it without a byte. */
export async function tcpProbe(probe: TcpProbe, _expect: Expectation, run: ProbeRun): Promise<ProbeOutcome> {
  const address = resolveTarget(probe.target, run);
  if (typeof address === 'string') return failed(0, address);
  const where = hostPort(address.host, address.port);

  return new Promise((resolve) => {
    const socket = connect(address);
    const settle = (outcome: ProbeOutcome) => {
      resolve(outcome);
      socket.destroy();
    };
    socket.on('connect', () => {
      // With nothing listening on a port of the ephemeral range, TCP can connect a socket to itself.
      const self = socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
      const latencyMs = run.watch.elapsedMs();
      settle(self ? failed(latencyMs, `connection to ${where} refused: nothing listens there`) : passed(latencyMs));
    });
    socket.on('error', (error) => settle(failedBy(error, run.watch.elapsedMs(), connectionReason(error, where))));
    run.signal.addEventListener(
      'abort',
      () => settle(failed(run.watch.elapsedMs(), `${String(run.signal.reason)} (${where}, while connecting)`)),
      { once: true },
    );
  });
}

/** `port`, `host:port` or `[v6]:port`. */
function resolveTarget(target: string, run: ProbeRun): { host: string; port: number } | string {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]+)):)?(\d{1,5})$/.exec(target.trim());
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) return `"${target}" is neither a port nor host:port`;
  return { host: match[1] ?? match[2] ?? run.target.endpoint?.host ?? '127.0.0.1', port };
}
