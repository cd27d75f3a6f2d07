/**
 * A broker without a network: a `fetch` that issues numbered tokens and answers as the test says, in
 * the same tick. It is TradeStation's protocol, because its refresh tokens may rotate.
 *
 * @module
 */

import { Session, type SessionOptions, tradestation } from "../../mod.ts";

/** An API request as it was sent. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** The access token that it carried. */
  readonly token: string;
  readonly init: RequestInit;
}

type Answer = Response | Promise<Response>;

/** Issues `access-1`, `access-2`, … and keeps what it was sent. */
export class ScriptedBroker {
  /** `expires_in` of the tokens issued from now on; without one, the response does not tell it. */
  lifetimeS: number | undefined = 900;
  /** Whether each token comes with a new refresh token: `refresh-1`, `refresh-2`, … */
  isRotating = false;
  /** What answers a token request; `issue()` grants it. */
  onTokenRequest: (init: RequestInit) => Answer = () => this.issue();
  /** What answers an API request. */
  onRequest: (request: ApiRequest) => Answer = () => new Response("{}");
  /** The API requests that arrived. */
  readonly requests: ApiRequest[] = [];
  /** How many token requests were open at once at the most. */
  mostTokenRequestsAtOnce = 0;
  #openTokenRequests = 0;
  readonly #tokenRequests: RequestInit[] = [];
  #issued = 0;

  /** How many token requests arrived. */
  get tokenRequests(): number {
    return this.#tokenRequests.length;
  }

  /** The refresh tokens that arrived, one for each token request. */
  refreshTokens(): Promise<string[]> {
    return Promise.all(this.#tokenRequests.map(async ({ body }) => {
      const form = new URLSearchParams(body instanceof Blob ? await body.text() : "");
      return form.get("refresh_token") ?? "";
    }));
  }

  /** The access tokens that was sent with API requests, in order. */
  get tokens(): string[] {
    return this.requests.map(({ token }) => token);
  }

  /** What makes a session with it. */
  get options(): SessionOptions {
    return {
      broker: tradestation,
      clientId: "client",
      clientSecret: "a-client-secret",
      refreshToken: "refresh-0",
      baseUrl: "https://api.example",
      signInUrl: "https://signin.example",
      fetch: this.fetch,
    };
  }

  /** The response with the next token. */
  issue(fields: Record<string, unknown> = {}): Response {
    this.#issued += 1;
    return Response.json({
      "access_token": `access-${this.#issued}`,
      "token_type": "Bearer",
      ...(this.lifetimeS === undefined ? {} : { "expires_in": this.lifetimeS }),
      ...(this.isRotating ? { "refresh_token": `refresh-${this.#issued}` } : {}),
      ...fields,
    });
  }

  /** What a session sends with. */
  readonly fetch: typeof fetch = (input, init = {}) => {
    const { origin, pathname, search } = new URL(String(input));
    if (origin === "https://signin.example") return this.#receiveTokenRequest(init);
    const token = new Headers(init.headers).get("authorization")?.replace("Bearer ", "") ?? "";
    const request = { method: init.method ?? "GET", path: pathname + search, token, init };
    this.requests.push(request);
    return Promise.try(() => this.onRequest(request));
  };

  async #receiveTokenRequest(init: RequestInit): Promise<Response> {
    this.#tokenRequests.push(init);
    this.#openTokenRequests += 1;
    this.mostTokenRequestsAtOnce = Math.max(this.mostTokenRequestsAtOnce, this.#openTokenRequests);
    try {
      return await this.onTokenRequest(init);
    } finally {
      this.#openTokenRequests -= 1;
    }
  }
}

/** A session that holds its first access token. */
export async function signedIn(
  broker: ScriptedBroker,
  options: SessionOptions = {},
): Promise<Session> {
  const session = new Session({ ...broker.options, ...options });
  await session.refresh();
  return session;
}

/** Never answers, but lets go when the request is aborted, as a real `fetch` does. */
export function hang({ signal }: RequestInit): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** The headers of a response, and a body that never ends, but breaks when the request is aborted. */
export function hangInBody({ signal }: RequestInit, beginning = "{"): Response {
  return new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(beginning));
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    }),
  );
}

/** A response whose body a test writes, and which breaks when the request is aborted. */
export class WrittenResponse {
  readonly response: Response;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Whether nobody reads it any more. */
  isOver = false;

  constructor({ signal }: RequestInit) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.isOver = true),
    });
    signal?.addEventListener("abort", () => this.fail(signal.reason));
    this.response = new Response(body);
  }

  /** Sends a part of the body: text, bytes, or objects with a line each. */
  write(...parts: (string | Uint8Array | object)[]): void {
    for (const part of parts) {
      const text = typeof part === "string" ? part : `${JSON.stringify(part)}\r\n`;
      const bytes = part instanceof Uint8Array ? part : new TextEncoder().encode(text);
      if (!this.isOver) this.#controller?.enqueue(bytes);
    }
  }

  /** Ends the body. */
  end(): void {
    if (!this.isOver) this.#controller?.close();
    this.isOver = true;
  }

  /** Breaks the connection. */
  fail(error: unknown): void {
    if (!this.isOver) this.#controller?.error(error);
    this.isOver = true;
  }
}
