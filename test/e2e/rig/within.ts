/** Waits for a promise, but not longer than `timeoutMs`; then fails with what `complaint` says of the moment. */
export async function within<T>(
  timeoutMs: number,
  promise: Promise<T>,
  complaint: () => string | Promise<string>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      void Promise.resolve(complaint()).then((text) => reject(new Error(`after ${timeoutMs} ms: ${text}`)), reject);
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
