// Serves HTTP on $PORT out of a child in a session of its own, and dies a moment later: the child holds on to the port. Its first life
// does so; each later one serves by itself, if it can. argv: a file that remembers.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [memory, role] = process.argv.slice(2);
const serve = (then) =>
  createServer((_, response) => response.end('ok')).listen(Number(process.env.PORT), '127.0.0.1', then);

if (role === 'child' || existsSync(memory)) {
  serve(() => console.log(`${process.pid} serves`));
} else {
  const child = spawn(process.execPath, [process.argv[1], memory, 'child'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.once('data', () => {
    writeFileSync(memory, String(child.pid));
    console.log('the child serves');
    setTimeout(() => process.exit(1), 300);
  });
}
