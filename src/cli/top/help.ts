/** Every key, for the page that `?` shows. */
export const HELP: readonly (readonly [keys: string, what: string])[] = [
  ['↑ ↓  j k', 'select an instance; page up, page down, home and end go further'],
  ['s', 'start it, and what it needs'],
  ['x', 'stop it, and first what cannot do without it; it stays stopped'],
  ['r', 'restart it'],
  ['enter', 'its logs alone; again: the logs of all'],
  ['/', 'only lines that match a regular expression; escape takes that back'],
  ['f', 'follow the latest lines, or hold still'],
  ['w', 'long lines in full, or cut'],
  ['tab', 'let the arrows move the logs, or the selection'],
  ['l', 'logs alone (to copy from), table alone, or both'],
  ['o', 'order: as in the file, by processor, memory or restarts'],
  ['g', 'who depends on whom'],
  ['ctrl-l', 'draw everything anew'],
  ['?', 'this page'],
  ['q  ctrl-c', 'leave; the system goes on'],
];

/** For the line at the bottom, what matters most first. */
export const KEYS: readonly string[] = [
  'q quit',
  '? keys',
  's start',
  'x stop',
  'r restart',
  'enter its logs',
  '/ filter',
  'f follow',
  'g graph',
  'l layout',
  'o order',
  'tab focus',
  'w wrap',
];
