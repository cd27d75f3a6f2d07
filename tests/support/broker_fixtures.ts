/**
 * The brokers that the contract tests run for: both of the module's on the emulator, and a third one
 * that is invented here, as a user would write it in a file of their own, on a server of its own.
 *
 * @module
 */

import { type Broker, Session, type SessionOptions, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { type Arrival, serve } from "./loopback.ts";

/** A broker's name, and how to open it. */
export interface Fixture {
  readonly name: string;
  open(): Promise<OpenFixture>;
}

/** A running broker, in the words that all brokers share. */
export interface OpenFixture extends AsyncDisposable {
  /** What connects a session to it. */
  readonly options: SessionOptions;
  /** A path whose GET needs nothing but a good session. */
  readonly path: string;
  /** A path that takes orders. */
  readonly orders: string;
  /** The number of an account. */
  readonly accountNumber: string;
  /** A path that lists more items than fit on a page, and the query that makes pages small. */
  readonly list: string;
  readonly smallPages: Record<string, number>;
  /** How many token requests arrived. */
  readonly tokenRequests: number;
  /** The refresh tokens that arrived. */
  readonly refreshTokens: readonly string[];
  /** How many requests of a path arrived. */
  count(method: string, path: string): number;
  /** Every access token issued so far is of no more use. */
  revokeAccessTokens(): void;
  /** The refresh token is of no more use. */
  revokeGrant(): void;
  /** Refresh tokens are good for one use from now on, where the broker has that: tastytrade has not. */
  rotate(): void;
  /** The next so many token requests are answered with a 503. */
  breakSignIn(times: number): void;
  /** Every request of a path hangs from now on. */
  hang(method: string, path: string): void;
}

/** An open fixture over the emulator. */
function emulated(
  emulator: Emulator,
  { prefix, ...rest }:
    & Pick<OpenFixture, "options" | "path" | "orders" | "accountNumber" | "list" | "smallPages">
    & { readonly prefix: string },
): OpenFixture {
  return {
    ...rest,
    get tokenRequests() {
      return emulator.count("POST /oauth/token");
    },
    get refreshTokens() {
      const bodies = emulator.requests.filter(({ path }) => path === "/oauth/token")
        .map(({ body }) => body);
      return bodies.map((body) =>
        body.startsWith("{")
          ? String(JSON.parse(body).refresh_token)
          : new URLSearchParams(body).get("refresh_token") ?? ""
      );
    },
    count: (method, path) => emulator.count(`${method} ${prefix}${path}`),
    revokeAccessTokens: () => emulator.revokeAccessTokens(),
    revokeGrant: () => emulator.revokeGrant(),
    rotate: () => {
      emulator.tradestation.rotation = true;
    },
    breakSignIn: (times) => emulator.injectFault("POST /oauth/token", { status: 503 }, times),
    hang: (method, path) => emulator.injectFault(`${method} ${prefix}${path}`, "hang", Infinity),
    [Symbol.asyncDispose]: () => emulator.close(),
  };
}

async function openTastytrade(): Promise<OpenFixture> {
  const emulator = await startEmulator();
  return emulated(emulator, {
    prefix: "",
    options: emulator.tastytrade,
    path: "/customers/me",
    orders: "/accounts/5WT00000/orders",
    accountNumber: "5WT00000",
    list: "/accounts/5WT00000/transactions",
    smallPages: { "per-page": 250 },
  });
}

async function openTradestation(): Promise<OpenFixture> {
  const emulator = await startEmulator();
  return emulated(emulator, {
    prefix: "/v3",
    options: { broker: tradestation, ...emulator.tradestation },
    path: "/brokerage/accounts",
    orders: "/orderexecution/orders",
    accountNumber: "123456782",
    list: "/brokerage/accounts/123456782/orders",
    smallPages: { pageSize: 1 },
  });
}

/** The third broker: no more than a session has to know of it. */
export const acme: Broker = {
  name: "Acme",
  envVariables: { clientId: "ACME_ID", clientSecret: "ACME_SECRET", refreshToken: "ACME_REFRESH" },
  requiresClientId: false,
  credentialsHelp: "Ask Acme",
  endpoints: ({ baseUrl = "https://api.acme.example" }) => ({
    baseUrl,
    tokenUrl: `${baseUrl}/token`,
    headers: { "x-acme": "1" },
    validatePath: "/me",
  }),
  defaultTokenLifetimeMs: 60_000,
  readPage: (body) => {
    const { items = [], next } = Object(body);
    return { items, next: next === undefined ? undefined : { from: String(next) } };
  },
  accounts: {
    listPath: "/accounts",
    readList: (data) => Object(data).accounts.map(readAccount),
    path: (accountNumber) => `/accounts/${accountNumber}`,
    read: readAccount,
    balancesPath: (accountNumber) => `/accounts/${accountNumber}/money`,
    readBalances: (data) => ({
      currency: "EUR",
      cashBalance: String(Object(data).cash),
      netLiquidatingValue: String(Object(data).cash),
      raw: Object(data),
    }),
    positionsPath: (accountNumber) => `/accounts/${accountNumber}/holdings`,
    readPositions: () => [],
  },
};

function readAccount(raw: unknown) {
  return { accountNumber: String(Object(raw).id), raw: Object(raw) };
}

/** What Acme has, by path. */
const HOLDINGS: Readonly<Record<string, unknown>> = {
  "/me": {},
  "/accounts": { accounts: [{ id: "A1" }] },
  "/accounts/A1": { id: "A1" },
  "/accounts/A1/money": { cash: "12.50" },
  "/accounts/A1/holdings": [],
  "/orders": { placed: true },
  "/items": { items: [1, 2], next: 2 },
  "/items?from=2": { items: [3, 4], next: 4 },
  "/items?from=4": { items: [5] },
};

/** What Acme's server remembers. */
class Acme {
  readonly tokens = new Set<string>();
  readonly refreshTokens: string[] = [];
  readonly hanging = new Set<string>();
  valid = "refresh-0";
  isRotating = false;
  /** How many token requests fail from now on. */
  broken = 0;

  answer(arrival: Arrival): [number, unknown] {
    if (arrival.url === "/token") return this.#issue(arrival);
    const bearer = arrival.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (!this.tokens.has(bearer)) return [401, { code: "who" }];
    const found = HOLDINGS[arrival.url];
    return found === undefined ? [404, { code: "nothing" }] : [200, found];
  }

  #issue({ body }: Arrival): [number, unknown] {
    const sent = new URLSearchParams(body).get("refresh_token") ?? "";
    this.refreshTokens.push(sent);
    if (this.broken > 0) return [503, { n: this.broken -= 1 }];
    if (sent !== this.valid) return [400, { error: "invalid_grant" }];
    if (this.isRotating) this.valid = `refresh-${this.refreshTokens.length}`;
    const accessToken = crypto.randomUUID();
    this.tokens.add(accessToken);
    const rotated = this.isRotating ? { "refresh_token": this.valid } : {};
    return [200, { "access_token": accessToken, "token_type": "bearer", ...rotated }];
  }
}

async function openAcme(): Promise<OpenFixture> {
  const state = new Acme();
  const server = await serve((response, arrival) => {
    if (state.hanging.has(`${arrival.method} ${arrival.url}`)) return;
    const [status, body] = state.answer(arrival);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  return {
    options: { broker: acme, baseUrl: server.url, clientSecret: "s", refreshToken: "refresh-0" },
    path: "/me",
    orders: "/orders",
    accountNumber: "A1",
    list: "/items",
    smallPages: {},
    refreshTokens: state.refreshTokens,
    get tokenRequests() {
      return state.refreshTokens.length;
    },
    count: (method, path) =>
      server.arrivals.filter((one) => one.method === method && one.url.split("?")[0] === path)
        .length,
    revokeAccessTokens: () => state.tokens.clear(),
    revokeGrant: () => void (state.valid = ""),
    rotate: () => void (state.isRotating = true),
    breakSignIn: (times) => void (state.broken = times),
    hang: (method, path) => void state.hanging.add(`${method} ${path}`),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Every broker that the contract holds for. */
export const FIXTURES: readonly Fixture[] = [
  { name: "tastytrade", open: openTastytrade },
  { name: "TradeStation", open: openTradestation },
  { name: "Acme, a third broker", open: openAcme },
];

/** A session with an open fixture. */
export function sessionOf(fixture: OpenFixture, options: SessionOptions = {}): Session {
  return new Session({ ...fixture.options, ...options });
}
