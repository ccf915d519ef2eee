/**
 * The errors an organ answers with. Each carries its HTTP status and a stable code; the server turns it into
 * `{error: code, message, details?}`. Anything else that is thrown is a bug and becomes a 500 that says nothing.
 */
export class OrganError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: readonly string[] | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: ErrorOptions & { details?: readonly string[] } = {},
  ) {
    super(message, options);
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.details = options.details;
  }
}

type Options = ErrorOptions & { details?: readonly string[] };

export class BadRequest extends OrganError {
  constructor(message: string, options?: Options) {
    super(400, 'bad_request', message, options);
  }
}

export class Unauthorized extends OrganError {
  constructor(message: string, options?: Options) {
    super(401, 'unauthorized', message, options);
  }
}

export class Forbidden extends OrganError {
  constructor(message: string, options?: Options) {
    super(403, 'forbidden', message, options);
  }
}

export class NotFound extends OrganError {
  constructor(message: string, options?: Options) {
    super(404, 'not_found', message, options);
  }
}

export class Conflict extends OrganError {
  constructor(message: string, options?: Options) {
    super(409, 'conflict', message, options);
  }
}

export class PayloadTooLarge extends OrganError {
  constructor(message: string, options?: Options) {
    super(413, 'payload_too_large', message, options);
  }
}

/** Well-formed, but the rules of the domain refuse it (an overdraft, a wrong signature). */
export class Unprocessable extends OrganError {
  constructor(message: string, options?: Options) {
    super(422, 'unprocessable', message, options);
  }
}

export class TooManyRequests extends OrganError {
  constructor(message: string, options?: Options) {
    super(429, 'too_many_requests', message, options);
  }
}

/** Something this organ needs cannot be reached now; trying again later may help. */
export class Unavailable extends OrganError {
  constructor(message: string, options?: Options) {
    super(503, 'unavailable', message, options);
  }
}

/** Another organ answered, but not with what was asked for. */
export class BadGateway extends OrganError {
  /** The status the other organ answered with. */
  readonly upstreamStatus: number;

  constructor(message: string, upstreamStatus: number, options?: Options) {
    super(502, 'bad_gateway', message, options);
    this.upstreamStatus = upstreamStatus;
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && error.cause.message ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}`;
}
