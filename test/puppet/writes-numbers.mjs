// Writes numbered lines for as long as it lives: argv = lines per burst, milliseconds between bursts. On SIGTERM a last line says how
// many there were, so that every line can be accounted for. The first line of a life names its process.
import { writeSync } from 'node:fs';

const [burst, everyMs] = process.argv.slice(2).map(Number);
let next = 0;

function write(text) {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written);
}

write(`begin ${process.pid}\n`);
const timer = setInterval(() => {
  let text = '';
  for (const end = next + burst; next < end; next++)
    text += `${String(next).padStart(9, '0')} the quick brown fox jumps over\n`;
  write(text);
}, everyMs);
process.on('SIGTERM', () => {
  clearInterval(timer);
  write(`end ${next}\n`);
  process.exit(0);
});
