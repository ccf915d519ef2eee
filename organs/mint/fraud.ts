/**
 * How unlike a wallet's own past a transfer is. Each feature is a figure of the transfer history turned into a suspicion
 * between 0 and 1; together they count as independent hints: score = 1 − Π(1 − weight × suspicion).
 */

export interface PastTransfer {
  readonly recipient: string;
  readonly amount: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Feature {
  readonly name: 'amount' | 'share-of-balance' | 'velocity' | 'new-recipient' | 'time-of-day';
  readonly suspicion: number;
  readonly weight: number;
  readonly why: string;
}

export interface Assessment {
  /** 0 ordinary … 1 unlike anything before. */
  readonly score: number;
  readonly decision: 'release' | 'review';
  readonly features: readonly Feature[];
}

export const REVIEW_FROM = 0.65;

const HOUR_MS = 3_600_000;
/** Below this many transfers a wallet has no habits that one could leave. */
const HABIT = 5;
/** Amounts vary by at least this much (natural logarithm), however regular the past: about a fifth. */
const LEAST_SPREAD = 0.2;

/** `history` is what the wallet paid before, `balance` what it holds before this transfer. */
export function assess(transfer: PastTransfer, history: readonly PastTransfer[], balance: number): Assessment {
  const features = [
    amount(transfer, history),
    shareOfBalance(transfer, balance),
    velocity(transfer, history),
    newRecipient(transfer, history),
    timeOfDay(transfer, history),
  ];
  const innocence = features.reduce((product, { weight, suspicion }) => product * (1 - weight * suspicion), 1);
  const score = Math.round((1 - innocence) * 1000) / 1000;
  return { score, decision: score >= REVIEW_FROM ? 'review' : 'release', features };
}

/** Robust z-score of the amount's logarithm: median and median absolute deviation, which outliers do not move. */
function amount(transfer: PastTransfer, history: readonly PastTransfer[]): Feature {
  const name = 'amount';
  const weight = 0.6;
  if (history.length < HABIT)
    return { name, weight, suspicion: 0, why: `only ${history.length} transfers to compare with` };
  const logs = history.map((past) => Math.log(past.amount));
  const middle = median(logs);
  const spread = Math.max(LEAST_SPREAD, 1.4826 * median(logs.map((log) => Math.abs(log - middle))));
  const z = (Math.log(transfer.amount) - middle) / spread;
  const why = `${transfer.amount} is ${z.toFixed(1)} deviations from the usual ${Math.round(Math.exp(middle))}`;
  return { name, weight, suspicion: ramp(z, 2, 5), why };
}

function shareOfBalance(transfer: PastTransfer, balance: number): Feature {
  const share = balance > 0 ? Math.min(1, transfer.amount / balance) : 1;
  return {
    name: 'share-of-balance',
    weight: 0.35,
    suspicion: ramp(share, 0.5, 1),
    why: `${Math.round(share * 100)} % of the balance`,
  };
}

/** Transfers within the last hour against the wallet's own rate, in standard deviations of a Poisson process. */
function velocity(transfer: PastTransfer, history: readonly PastTransfer[]): Feature {
  const recent = history.filter((past) => past.at > transfer.at - HOUR_MS).length;
  const older = history.filter((past) => past.at <= transfer.at - HOUR_MS);
  const first = older[0]?.at ?? transfer.at;
  const hours = Math.max(24, (transfer.at - HOUR_MS - first) / HOUR_MS);
  const usual = older.length / hours;
  const z = (recent + 1 - usual) / Math.sqrt(usual + 1);
  const why = `${recent + 1} within an hour, usually ${usual.toFixed(2)}`;
  return { name: 'velocity', weight: 0.6, suspicion: ramp(z, 3, 8), why };
}

function newRecipient(transfer: PastTransfer, history: readonly PastTransfer[]): Feature {
  const times = history.filter((past) => past.recipient === transfer.recipient).length;
  const why = times === 0 ? 'a recipient never paid before' : `paid ${times} times before`;
  return { name: 'new-recipient', weight: 0.3, suspicion: 1 / (1 + times) ** 2, why };
}

/** How rare the hour (UTC) is among the wallet's own, each past transfer counting for its neighbouring hours too. */
function timeOfDay(transfer: PastTransfer, history: readonly PastTransfer[]): Feature {
  const name = 'time-of-day';
  const weight = 0.3;
  if (history.length < HABIT)
    return { name, weight, suspicion: 0, why: `only ${history.length} transfers to compare with` };
  const density = (hour: number) =>
    history.reduce((sum, past) => sum + Math.exp(-((circularDistance(hour, hourOf(past.at)) / 2) ** 2)), 0);
  const busiest = Math.max(...Array.from({ length: 24 }, (_, hour) => density(hour)));
  const hour = hourOf(transfer.at);
  const relative = density(hour) / busiest;
  const why = `at ${Math.floor(hour)} h UTC, ${Math.round(relative * 100)} % as usual as the busiest hour`;
  return { name, weight, suspicion: ramp(1 - relative, 0.8, 1), why };
}

function hourOf(at: number): number {
  return (at / HOUR_MS) % 24;
}

function circularDistance(a: number, b: number): number {
  const distance = Math.abs(a - b) % 24;
  return Math.min(distance, 24 - distance);
}

/** 0 up to `from`, 1 from `to` on, straight between. */
function ramp(value: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
