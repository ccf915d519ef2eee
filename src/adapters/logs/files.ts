import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { indexName, logName, rotatedStem, type Stream } from './format.ts';
import { type LogFile, PackedFile, PlainFile } from './log-file.ts';
import { TimeIndex } from './time-index.ts';

/** One stream of one instance: a sequence of bytes kept in one live file and any number of rotated ones. */
export interface Source {
  readonly organ: string;
  readonly instance: string;
  readonly stream: Stream;
  /** `logs/<organ>` */
  readonly folder: string;
}

const FILE_NAME = /^(.+)\.(out|err)(?:\.(\d{8,}))?\.(?:idx|log|log\.zst|log\.gz)$/;

/** Organs that have a folder of logs, in order of name; none when there is no log folder at all. */
export function organsWithLogs(logsFolder: string): string[] {
  return entries(logsFolder, true).sort();
}

/** The sources of an organ, as its folder shows them now. */
export function sourcesOf(logsFolder: string, organ: string): Source[] {
  const folder = join(logsFolder, organ);
  const found = new Map<string, Source>();
  for (const name of entries(folder, false)) {
    const [, instance, stream] = FILE_NAME.exec(name) ?? [];
    if (!instance || !stream) continue;
    found.set(`${instance}.${stream}`, { organ, instance, stream: stream as Stream, folder });
  }
  return [...found.values()].sort(bySource);
}

const bySource = (a: Source, b: Source): number =>
  a.instance.localeCompare(b.instance, 'en', { numeric: true }) || b.stream.localeCompare(a.stream, 'en');

/** The numbers of a source's rotated files, oldest first. One whose rotation is under way counts as rotated. */
export function rotatedNumbers(source: Source): number[] {
  const numbers = new Set<number>();
  for (const name of entries(source.folder, false)) {
    const [, instance, stream, number] = FILE_NAME.exec(name) ?? [];
    if (instance === source.instance && stream === source.stream && number) numbers.add(Number(number));
  }
  return [...numbers].sort((a, b) => a - b);
}

/** Opens a rotated file, compressed or not. null: its time was up and it is gone. */
export function openRotated(source: Source, number: number): LogFile | null {
  const stem = join(source.folder, rotatedStem(source.instance, source.stream, number));
  const openIndex = (modifiedMs: number) => TimeIndex.open(`${stem}.idx`, modifiedMs);
  // The plain file first: while it is there, its compressed copy may be half written.
  return (
    unlessMissing(() => new PlainFile(`${stem}.log`, number, openIndex)) ??
    unlessMissing(() => new PackedFile(`${stem}.log.zst`, 'zst', number, openIndex)) ??
    unlessMissing(() => new PackedFile(`${stem}.log.gz`, 'gz', number, openIndex))
  );
}

export const livePath = (source: Source): string => join(source.folder, logName(source.instance, source.stream));

/** Opens the file being written, with the index that belongs to it unless a rotation comes between: see `openLive`. */
export function openLiveOnce(source: Source): LogFile | null {
  const index = join(source.folder, indexName(source.instance, source.stream));
  return unlessMissing(() => new PlainFile(livePath(source), null, (modifiedMs) => TimeIndex.open(index, modifiedMs)));
}

/** null when there is no such file. */
export function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

/** Which of the rotated files `file` has become, among `numbers`; by inode, and the index keeps its own when the log is compressed. */
export function numberOf(source: Source, file: LogFile, numbers: readonly number[]): number | null {
  for (const number of numbers) {
    const stem = join(source.folder, rotatedStem(source.instance, source.stream, number));
    const index = file.index.inode;
    if (index !== null && inodeOf(`${stem}.idx`) === index) return number;
    if (inodeOf(`${stem}.log`) === file.inode) return number;
  }
  return null;
}

function entries(folder: string, folders: boolean): string[] {
  const found = unlessMissing(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return found.filter((entry) => entry.isDirectory() === folders).map((entry) => entry.name);
}

function unlessMissing<T>(open: () => T): T | null {
  try {
    return open();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
