/**
 * The broker of a fleet: issues tokens that live for some seconds, with refresh tokens that are good for one
 * use, and notes who used which. A second use is noted and answered, so that the fleet lives on.
 *
 * @module
 */

/** A token request. */
export interface TokenRequest {
  /** The process, from its `User-Agent`. */
  readonly by: string;
  /** The number of the refresh token. */
  readonly sent: number;
  readonly at: number;
}

/** The servers of a broker. */
export class TokenServer implements AsyncDisposable {
  readonly requests: TokenRequest[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #lifetimeMs: number;
  /** When each access token ends. */
  readonly #tokens = new Map<string, number>();
  #current = 0;

  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs;
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#handle(request));
  }

  /** Its address. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/oauth/token") {
      const form = new URLSearchParams(await request.text());
      return this.#issue(request, Number(form.get("refresh_token")?.split("-")[1]));
    }
    const token = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    const isAlive = (this.#tokens.get(token) ?? 0) > performance.now();
    return new Response("{}", {
      status: isAlive ? 200 : 401,
      headers: { "content-type": "application/json" },
    });
  }

  #issue({ headers }: Request, sent: number): Response {
    const by = headers.get("user-agent")?.replace("fleet/", "") ?? "";
    this.requests.push({ by, sent, at: performance.now() });
    this.#current += 1;
    const accessToken = `access-${this.#current}`;
    this.#tokens.set(accessToken, performance.now() + this.#lifetimeMs);
    return Response.json({
      "access_token": accessToken,
      "token_type": "Bearer",
      "expires_in": this.#lifetimeMs / 1_000,
      "refresh_token": `refresh-${this.#current}`,
    });
  }
}
