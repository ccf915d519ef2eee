/**
 * Lets the loop go round: what has arrived meanwhile is dealt with, and what is said about it goes out. For whoever computes for long in a
 * process in which others wait.
 */
export const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
