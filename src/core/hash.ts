/**
 * Numbers out of a text that lie far apart for texts that differ little (`mint-1`, `mint-2`). For placing and naming, never against
 * somebody who wants two of them to be alike. FNV-1a (Fowler, Noll, Vo) with the final mix of MurmurHash3.
 *
 * @returns unsigned 32 bits
 */
export function hash32(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
