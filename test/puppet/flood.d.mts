export function floodChunks(bytes: number): Generator<Buffer<ArrayBuffer>>;
