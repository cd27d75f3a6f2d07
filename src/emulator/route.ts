/** What a route looks at. */
export interface Addressed {
  readonly method: string;
  readonly path: string;
  readonly broker: string | undefined;
  readonly environment: string | undefined;
}

const ROUTE = /^(?:(tastytrade|tradestation) )?(?:(production|sandbox) )?(\*|[A-Z]+) (\/\S*)$/;

/**
 * A method and a path with parameters, as in `GET /accounts/{any}/orders` with a star for `{any}`: a star is
 * any one segment (or, in place of the method, any method), a last `**` is whatever follows. A broker,
 * an environment or both may stand before it: `tradestation sandbox GET /v3/brokerage/accounts`.
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

  /** The decoded segments that stand in the parameters of this route, or `undefined` for another path. */
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

  /** Tells whether a request is for this route; the query of its path does not count. */
  matches(request: Addressed): boolean {
    const path = request.path.split("?", 1).join("");
    return (this.#broker ?? request.broker) === request.broker &&
      (this.#environment ?? request.environment) === request.environment &&
      this.takes(request.method) && this.parameters(path) !== undefined;
  }

  /** Tells whether the method is the route's. */
  takes(method: string): boolean {
    return this.#method === "*" || this.#method === method;
  }
}

/** A segment with a stray percent sign stands for itself, as in the servers that take one. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
