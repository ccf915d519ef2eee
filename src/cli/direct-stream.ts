import { fstatSync, writeSync } from 'node:fs';
import { EXIT } from '../core/failures.ts';
import type { RawStream } from './output.ts';

/**
 * This process's stdout or stderr, written to at once and without Node's streams, which load its sockets for a pipe (3 ms). For the few
 * words of a command that then ends; null for what may be a terminal, or is not there.
 */
export function directStream(fd: 1 | 2): RawStream | null {
  try {
    const stat = fstatSync(fd);
    if (!stat.isFIFO() && !stat.isSocket() && !stat.isFile()) return null;
  } catch {
    return null; // closed
  }
  return {
    write(chunk) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      for (let at = 0; at < bytes.length; ) {
        try {
          at += writeSync(fd, bytes, at);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === 'EPIPE' || code === 'EIO') process.exit(0); // whoever read has left
          // Whoever reads is slow, and does not want to be waited for: Node's stream knows how.
          if (code === 'EAGAIN') return (fd === 1 ? process.stdout : process.stderr).write(bytes.subarray(at));
          if (code !== 'EINTR') cannotWrite(error as Error);
        }
      }
      return true;
    },
  };
}

/** A full disk, say. Nobody is to take half of an answer for the whole. */
export function cannotWrite({ message }: Error): never {
  try {
    writeSync(2, `azora: what it has to say cannot be written: ${message}\n`);
  } catch {
    // Nor can this.
  }
  process.exit(EXIT.failed);
}
