/** The part of opossum that the kit uses; the package carries no types. */
declare module 'opossum' {
  export interface Options {
    timeout?: number | false;
    errorThresholdPercentage?: number;
    volumeThreshold?: number;
    resetTimeout?: number;
    rollingCountTimeout?: number;
    rollingCountBuckets?: number;
    /** Whether an error is none of the breaker's business. */
    errorFilter?: (error: Error) => boolean;
  }
  export default class CircuitBreaker<A extends unknown[], R> {
    constructor(action: (...args: A) => Promise<R>, options?: Options);
    readonly opened: boolean;
    readonly halfOpen: boolean;
    fire(...args: A): Promise<R>;
    close(): void;
    shutdown(): void;
  }
}
