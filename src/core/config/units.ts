/**
 * Durations (milliseconds), sizes (bytes) and cpu (cores) as people write them. Every `format…` writes a text that its
 * `parse…` reads back as the same number.
 */

const DURATION_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const DURATION =
  /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;

/** `250ms`, `30s`, `5m`, `1h30m`, `30d`: units from large to small, each once; null when it is none. */
export function parseDuration(text: string): number | null {
  const match = text === '' ? null : DURATION.exec(text);
  if (!match) return null;
  let ms = 0;
  for (const [index, [, unitMs]] of DURATION_UNITS.entries()) ms += Number(match[index + 1] ?? 0) * unitMs;
  ms = Math.round(ms);
  return Number.isSafeInteger(ms) ? ms : null;
}

/** The shortest exact writing of whole milliseconds: `1m30s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, unitMs] of DURATION_UNITS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text || '0s';
}

const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?$/i;
const SIZE_LETTERS = 'kmgt';

/** `512Mi`, `1GiB` (powers of 1024), `10MB`, `10M` (powers of 1000), `4096`, `4096B`; null when it is none. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  // A lone lower-case m is "milli" to some and "mega" to others: not guessed at.
  if (!match || /\dm$/.test(text)) return null;
  const power = match[2] ? SIZE_LETTERS.indexOf(match[2].toLowerCase()) + 1 : 0;
  const bytes = Math.round(Number(match[1]) * (match[3] ? 1024 : 1000) ** power);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The largest unit that divides it: `10MB`, `512MiB`, `1500B`. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B';
  for (let power = 4; power > 0; power--) {
    const letter = SIZE_LETTERS[power - 1]!.toUpperCase();
    if (bytes % 1024 ** power === 0) return `${bytes / 1024 ** power}${letter}iB`;
    if (bytes % 1000 ** power === 0) return `${bytes / 1000 ** power}${letter}B`;
  }
  return `${bytes}B`;
}

/** `250m` (thousandths of a core), `0.5`, `2`; null when it is none. Nothing is finer than a thousandth. */
export function parseCpu(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(text);
  if (!match) return null;
  const thousandths = Math.round(Number(match[1]) * (match[2] ? 1 : 1000));
  return Number.isSafeInteger(thousandths) ? thousandths / 1000 : null;
}

/** Whole cores as `2`, anything else in thousandths, `250m`. */
export function formatCpu(cores: number): string {
  return Number.isInteger(cores) ? String(cores) : `${Math.round(cores * 1000)}m`;
}
