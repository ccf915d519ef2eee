declare module 'postject' {
  /** Puts `content` into the executable as a section named `resource`, and sets the bit behind the fuse. */
  export function inject(
    executable: string,
    resource: string,
    content: Buffer,
    options: { readonly sentinelFuse: string; readonly machoSegmentName?: string },
  ): Promise<void>;
}
