/** South African levels of schooling: grades R to 12, then the National Qualifications Framework's levels 5 to 10. */

export const GRADES = ['R', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;
export const NQF_LEVELS = ['NQF5', 'NQF6', 'NQF7', 'NQF8', 'NQF9', 'NQF10'] as const;
export const LEVELS = [...GRADES, ...NQF_LEVELS] as const;
export type Grade = (typeof GRADES)[number];
export type NqfLevel = (typeof NQF_LEVELS)[number];
export type Level = (typeof LEVELS)[number];

export const PHASES = ['primary', 'secondary', 'university'] as const;
export type Phase = (typeof PHASES)[number];

/** primary: grades R-7; secondary: grades 8-12; university: NQF 5-10. */
export function phaseOf(level: Level): Phase {
  const rank = rankOf(level);
  if (rank <= rankOf('7')) return 'primary';
  return rank <= rankOf('12') ? 'secondary' : 'university';
}

/** The place of a level in the order of schooling, from 0 for grade R. */
export function rankOf(level: Level): number {
  return LEVELS.indexOf(level);
}

/** The level after this one; null after the last. */
export function nextLevel(level: Level): Level | null {
  return LEVELS[rankOf(level) + 1] ?? null;
}

/** How a level is spoken of: "grade 7", "NQF level 5". */
export function levelName(level: Level): string {
  return level.startsWith('NQF') ? `NQF level ${level.slice(3)}` : `grade ${level}`;
}
