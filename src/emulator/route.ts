/** What a route is compared with. */
export interface Addressed {
  readonly method: string;
  readonly path: string;
  readonly broker: string | undefined;
  readonly environment: string | undefined;
}

const ROUTE = /^(?:(tastytrade|tradestation) )?(?:(production|sandbox) )?(\*|[A-Z]+) (\/\S*)$/;

/**
 * A method and a path with parameters: `*` is any one segment or any method, and `**` at the end is any
 * rest. A broker, an environment or both may precede it, as in
 * `tradestation sandbox GET /v3/brokerage/accounts`.
 */
export class Route {
  readonly #broker: string | undefined;
  readonly #environment: string | undefined;
  readonly #method: string;
  readonly #segments: readonly string[];

  /** @throws {TypeError} If the text is not a method, a space and a path. */
  constructor(route: string) {
    const [, broker, environment, method, path] = ROUTE.exec(route) ?? [];
    if (method === undefined || path === undefined) {
      throw new TypeError(`Cannot read the route "${route}": write it like "GET /customers/me"`);
    }
    this.#broker = broker;
    this.#environment = environment;
    this.#method = method;
    this.#segments = path.split("/").slice(1);
  }

  /** The decoded values of the path parameters, or `undefined` for another path. */
  parameters(path: string): readonly string[] | undefined {
    const segments = path.split("/").slice(1);
    const parameters: string[] = [];
    for (const [index, expected] of this.#segments.entries()) {
      if (expected === "**") return parameters;
      const segment = segments[index];
      if (segment === undefined) return undefined;
      if (expected === "*") parameters.push(decode(segment));
      else if (segment !== expected) return undefined;
    }
    return segments.length === this.#segments.length ? parameters : undefined;
  }

  /** Whether a request is for this route. Its query is ignored. */
  matches(request: Addressed): boolean {
    const path = request.path.split("?", 1).join("");
    return (this.#broker ?? request.broker) === request.broker &&
      (this.#environment ?? request.environment) === request.environment &&
      this.takes(request.method) && this.parameters(path) !== undefined;
  }

  /** Whether the route has a method. */
  takes(method: string): boolean {
    return this.#method === "*" || this.#method === method;
  }
}

/** A segment with a stray percent sign is taken literally, as servers do that accept one. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
