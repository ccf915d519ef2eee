import { stripVTControlCharacters } from 'node:util';
import type { Json } from '../../core/json.ts';

/** Small words: times, durations, sizes and lists as people read them. */

/** `12:00:01.123`, in this machine's time zone. */
export function clock(ts: string): string {
  const date = new Date(ts);
  const two = (value: number): string => String(value).padStart(2, '0');
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** How long something has lasted, two units at most and narrow: `240ms`, `12s`, `5m03s`, `2h10m`, `3d04h`. */
export function age(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** `48.0M`, `1.2G`: bytes in powers of 1024, narrow. */
export function bytes(count: number): string {
  const units = ['B', 'K', 'M', 'G', 'T'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(1)}${units[unit]}`;
}

/** `a, b, c and 4 more`. */
export function list(names: readonly string[], most = Number.POSITIVE_INFINITY): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

/** `1 organ`, `6 organs`. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** One line of harmless text: what organs wrote may hold escape sequences, which are not let through to the terminal. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\s+/g, ' ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '')
    .trim();
}

/** Cuts to a width, with an ellipsis for what is missing. */
export function fit(text: string, width: number): string {
  const letters = [...text];
  if (letters.length <= width) return text;
  return width < 1 ? '' : `${letters.slice(0, width - 1).join('')}…`;
}

export const indent = (text: string, by: string): string => text.replace(/^(?=.)/gm, by);

/** Fields of an event's data, which is JSON: the value if it is of that type, else null. */
export const asNumber = (value: Json | undefined): number | null => (typeof value === 'number' ? value : null);
export const asText = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);
export const asTexts = (value: Json | undefined): string[] => asList(value).filter((item) => typeof item === 'string');
export const asList = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
export function asObject(value: Json | undefined): { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })
    : {};
}
