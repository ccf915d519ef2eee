// argv: path, flock | sqlite. Takes the lock, starts a child that lives on, prints the child's pid and waits to be killed.
import { spawn } from 'node:child_process';
import { loadLibc } from '../../src/adapters/libc.ts';
import { takeLock } from '../../src/adapters/lock.ts';

const [path, kind] = process.argv.slice(2);
if (!takeLock(path!, kind === 'flock' ? loadLibc() : null)) throw new Error('taken');
const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
child.unref();
globalThis.gc?.(); // a lock must not hang on somebody's variable
console.log(child.pid);
setInterval(() => {}, 60_000);
