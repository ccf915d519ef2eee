import { actCommand } from '../act.ts';

export const command = actCommand(
  'stop',
  'Stop organs, after those that cannot do without them. What is stopped stays stopped until `azora start`, ' +
    '`azora up <organ>`, `azora up --fresh` or `azora down`.',
  [
    { line: 'azora stop mint', what: 'stop mint' },
    { line: 'azora stop -t 2s mint', what: 'kill it after two seconds' },
    { line: 'azora stop mint-2', what: 'stop one instance of several' },
  ],
);
