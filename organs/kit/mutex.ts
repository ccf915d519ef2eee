/** Runs asynchronous sections one after the other, in the order they were asked for. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(section: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(section);
    this.#last = result.catch(() => {}); // the caller gets the error; it must not keep the next one from running
    return result;
  }
}
