// Writes one line of so many bytes (argv), piece by piece, and only then ends it; then says so on a line of its own.
import { writeSync } from 'node:fs';

const piece = Buffer.alloc(64 * 1024, 'x');
for (let left = Number(process.argv[2]); left > 0; ) left -= writeSync(1, piece, 0, Math.min(left, piece.length));
writeSync(1, '\nat last\n');
