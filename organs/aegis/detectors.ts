/** Threat detection: what the events of the last minutes amount to. All pure; times are epoch milliseconds. */

export const THREAT_LEVELS = ['None', 'Low', 'Medium', 'High', 'Critical'] as const;
export type ThreatLevel = (typeof THREAT_LEVELS)[number];
export type Severity = Exclude<ThreatLevel, 'None'>;

export interface SecurityEvent {
  readonly at: number;
  readonly kind: 'login-failed' | 'login-refused' | 'login' | 'signup' | 'token-forged' | 'access-denied';
  /** Null where nobody is named. */
  readonly username: string | null;
  readonly address: string;
  readonly admin: boolean;
}

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly organ: string;
  readonly message: string;
  readonly evidence: string;
  readonly remedy: string;
}

export interface Observed {
  readonly events: readonly SecurityEvent[];
  /** Requests per whole minute (epoch minutes); minutes without any are absent. */
  readonly perMinute: ReadonlyMap<number, number>;
  readonly since: number;
  readonly now: number;
}

/** How far back a detector looks at events; a finding closes when its events are older. */
export const WINDOW_MS = 5 * 60_000;
/** How far back the usual rate is taken from. */
export const BASELINE_MINUTES = 30;
const BASELINE_LEAST_MINUTES = 10;
const RATE_LEAST = 60;

type Detector = (observed: Observed) => Finding[];

/** Everything that the events amount to, gravest first. */
export function detect(observed: Observed): Finding[] {
  const recent = observed.events.filter((event) => event.at > observed.now - WINDOW_MS);
  const findings = [guessing, takeover, spraying, forging, probing, unusualRate].flatMap((detector: Detector) =>
    detector({ ...observed, events: recent }),
  );
  return findings.sort((a, b) => THREAT_LEVELS.indexOf(b.severity) - THREAT_LEVELS.indexOf(a.severity));
}

/** The gravest severity; None without findings. */
export function levelOf(findings: readonly Finding[]): ThreatLevel {
  return THREAT_LEVELS.findLast((level) => findings.some(({ severity }) => severity === level)) ?? 'None';
}

/** Many failed logins of one user: 5 Medium, 10 High. */
const guessing: Detector = ({ events }) =>
  [...groupBy(failures(events), ({ username }) => username)].flatMap(([username, failed]) => {
    const severity = graded(failed.length, { Medium: 5, High: 10 });
    if (!severity) return [];
    const addresses = distinct(failed, ({ address }) => address);
    return finding(`guessing:${username}`, severity, `the password of ${username} is being guessed`, {
      evidence: `${failed.length} failed logins in 5 minutes, from ${addresses.join(', ')}`,
      remedy: `give ${username} a new password, and keep the address out at the gateway`,
    });
  });

/** A login from an address that had failed as that user ten times and more: High, Critical of an administrator. */
const takeover: Detector = ({ events }) =>
  events
    .filter(({ kind }) => kind === 'login')
    .flatMap(({ username, address, admin, at }) => {
      const before = failures(events).filter(
        (event) => event.username === username && event.address === address && event.at <= at,
      );
      if (before.length < 10) return [];
      return finding(
        `takeover:${username}:${address}`,
        admin ? 'Critical' : 'High',
        `${username} may have been taken over`,
        {
          evidence: `a login from ${address} after ${before.length} failed ones`,
          remedy: `change the password of ${username}, which also withdraws its tokens`,
        },
      );
    })
    .filter(({ id }, index, all) => all.findIndex((other) => other.id === id) === index);

/** One address failing as many users: 5 Medium, 20 High. */
const spraying: Detector = ({ events }) =>
  [...groupBy(failures(events), ({ address }) => address)].flatMap(([address, failed]) => {
    const users = distinct(failed, ({ username }) => username ?? '');
    const severity = failed.length >= 10 ? graded(users.length, { Medium: 5, High: 20 }) : null;
    if (!severity) return [];
    return finding(`spraying:${address}`, severity, `${address} tries passwords on many users`, {
      evidence: `${failed.length} failed logins as ${users.length} users in 5 minutes`,
      remedy: `keep ${address} out at the gateway`,
    });
  });

/** Tokens that were never ours: 5 Medium, 50 High. */
const forging: Detector = ({ events }) =>
  [...groupBy(ofKind(events, 'token-forged'), ({ address }) => address)].flatMap(([address, forged]) => {
    const severity = graded(forged.length, { Medium: 5, High: 50 });
    if (!severity) return [];
    return finding(`forging:${address}`, severity, `${address} presents forged tokens`, {
      evidence: `${forged.length} tokens with a wrong signature or an unknown key in 5 minutes`,
      remedy: `keep ${address} out at the gateway; rotate the keys if a private key may be known`,
    });
  });

/** A user who asks again and again for what their roles do not allow: 5 Medium, 30 High. */
const probing: Detector = ({ events }) =>
  [...groupBy(ofKind(events, 'access-denied'), ({ username }) => username)].flatMap(([username, denied]) => {
    const severity = graded(denied.length, { Medium: 5, High: 30 });
    if (!severity) return [];
    return finding(`probing:${username}`, severity, `${username} looks for what it may not have`, {
      evidence: `${denied.length} requests denied for lack of a role in 5 minutes`,
      remedy: `ask ${username}; change its password if it was not them`,
    });
  });

/** The last full minute far above the usual: over mean + 4 standard deviations Low, over ten times the mean too, Medium. */
const unusualRate: Detector = ({ perMinute, since, now }) => {
  const minute = Math.floor(now / 60_000) - 1;
  const first = Math.max(Math.ceil(since / 60_000), minute - BASELINE_MINUTES);
  const usual = Array.from({ length: Math.max(0, minute - first) }, (_, index) => perMinute.get(first + index) ?? 0);
  const last = perMinute.get(minute) ?? 0;
  if (usual.length < BASELINE_LEAST_MINUTES || last < RATE_LEAST) return [];
  const mean = usual.reduce((sum, count) => sum + count, 0) / usual.length;
  const deviation = Math.sqrt(usual.reduce((sum, count) => sum + (count - mean) ** 2, 0) / usual.length);
  if (last <= mean + 4 * deviation) return [];
  return finding('rate', last > 10 * mean ? 'Medium' : 'Low', 'requests come at an unusual rate', {
    evidence: `${last} in a minute, where ${mean.toFixed(1)} ± ${deviation.toFixed(1)} are usual`,
    remedy: 'see who asks in the access log; lower the rate limit of the route at the gateway',
  });
};

function finding(
  id: string,
  severity: Severity,
  message: string,
  rest: Pick<Finding, 'evidence' | 'remedy'>,
): Finding[] {
  return [{ id: `aegis:${id}`, severity, organ: 'aegis', message, ...rest }];
}

function graded(count: number, { Medium, High }: { Medium: number; High: number }): Severity | null {
  if (count >= High) return 'High';
  return count >= Medium ? 'Medium' : null;
}

function failures(events: readonly SecurityEvent[]): SecurityEvent[] {
  return events.filter(({ kind }) => kind === 'login-failed' || kind === 'login-refused');
}

function ofKind(events: readonly SecurityEvent[], kind: SecurityEvent['kind']): SecurityEvent[] {
  return events.filter((event) => event.kind === kind);
}

function groupBy(
  events: readonly SecurityEvent[],
  key: (event: SecurityEvent) => string | null,
): Map<string, SecurityEvent[]> {
  const named = events.filter((event) => key(event) !== null);
  return Map.groupBy(named, (event) => key(event) ?? '');
}

function distinct(events: readonly SecurityEvent[], key: (event: SecurityEvent) => string): string[] {
  return [...new Set(events.map(key))];
}
