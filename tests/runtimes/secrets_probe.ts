/**
 * A program that lives through all that can happen to a session and a login, and prints whatever it
 * holds or catches, in every way. It runs unbuilt on every runtime; the test that started it searches
 * what it printed.
 *
 * Usage: secrets_probe.ts <file for what must not have been printed> [leak | raw]
 *
 * With `leak` it prints secrets on purpose, so that the test can see that it would find them; with
 * `raw` it only meets answers that are broken HTTP.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import {
  Account,
  AutoRefreshSession,
  type Broker,
  Credentials,
  Customer,
  login,
  Session,
  SessionError,
  tastytrade,
  type TokenStore,
  tradestation,
} from "../../mod.ts";
import { formEncoded, percentEncoded, type Printer, viewsOf } from "../support/printed_secrets.ts";

const [file = "", mode] = process.argv.slice(2);

/** What must not be printed, by kind. All of it is different in plain, percent-encoded and base64. */
const secrets: Record<string, string[]> = {};

function remember(kind: string, value: string): string {
  secrets[kind] ??= [];
  secrets[kind].push(value);
  return value;
}

function secret(kind: string): string {
  return remember(kind, `${kind}-canary~/+?>~~?>/+${crypto.randomUUID()}=`);
}

const CLIENT_SECRET = secret("client_secret");
const REFRESH_TOKEN = secret("refresh_token");
const CODE = secret("code");
/** What the server gives out; an access token is for a header, and has fewer characters. */
const TOKENS = {
  "access_token": remember("access_token", `access-canary~/+.-_~${crypto.randomUUID()}==`),
  "token_type": "Bearer",
  "expires_in": 900,
  "refresh_token": secret("refresh_token"),
};

/** How the server answers. `$echo` stands for all that it was sent. */
type Answer =
  | { readonly status: number; readonly body: unknown }
  | "reset"
  | "half"
  | "hang"
  | "raw";
let tokenAnswer: Answer | "good" = "good";
let apiAnswer: Answer | "good" = "good";
/** What is sent, byte for byte, as the answer `"raw"`; `$tokens` stands for a token response. */
let raw = "";

const DATA: Record<string, unknown> = {
  "/customers/me": { data: { id: "me", "first-name": "Jane" } },
  "/customers/me/accounts": {
    data: { items: [{ account: { "account-number": "5WT" }, "authority-level": "owner" }] },
  },
  "/accounts/5WT/balances": { data: { "account-number": "5WT", "cash-balance": "1.00" } },
  "/accounts/5WT/positions": { data: { items: [{ symbol: "AAPL", quantity: "1" }] } },
  "/v3/brokerage/accounts": { Accounts: [{ AccountID: "123", AccountType: "Cash" }] },
};

/** All that a request told, in every form. */
function echoOf(request: IncomingMessage, body: string): string {
  const fields = body.startsWith("{")
    ? JSON.parse(body)
    : Object.fromEntries(new URLSearchParams(body));
  const bearer = request.headers.authorization?.replace("Bearer ", "") ?? "";
  const told = [...Object.values(fields).map(String), ...(bearer === "" ? [] : [bearer])];
  const forms = told.flatMap((one) => [
    one,
    percentEncoded(one),
    formEncoded(one),
    Buffer.from(one).toString("base64"),
    Buffer.from(one).toString("base64url"),
  ]);
  return `${body} ${forms.join(" ")}`;
}

function send(
  answer: Answer,
  { request, response, body }: { request: IncomingMessage; response: ServerResponse; body: string },
): void {
  if (answer === "hang") return;
  if (answer === "reset") {
    request.socket.destroy();
  } else if (answer === "half") {
    const tokens = JSON.stringify(TOKENS);
    response.writeHead(200, { "content-length": tokens.length + 10 });
    response.write(tokens, () => request.socket.destroy());
  } else if (answer === "raw") {
    request.socket.end(raw.replace("$tokens", JSON.stringify(TOKENS)));
  } else {
    const echo = echoOf(request, body);
    const json = JSON.stringify(answer.body).replaceAll(
      "$echo",
      () => JSON.stringify(echo).slice(1, -1),
    );
    response.writeHead(answer.status, { "content-type": "application/json" }).end(json);
  }
}

const server = createServer(async (request, response) => {
  const body = await text(request);
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  if (pathname.startsWith("/oauth/")) {
    const verifier = new URLSearchParams(body).get("code_verifier");
    if (verifier !== null) remember("code_verifier", verifier);
    if (tokenAnswer === "good") response.end(JSON.stringify(TOKENS));
    else send(tokenAnswer, { request, response, body });
  } else if (apiAnswer === "good") {
    response.writeHead(pathname in DATA ? 200 : 404).end(JSON.stringify(DATA[pathname] ?? {}));
  } else {
    send(apiAnswer, { request, response, body });
  }
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
const url = `http://127.0.0.1:${port}`;

const runtime = globalThis as unknown as {
  readonly Deno?: { inspect(value: unknown, options: object): string };
  readonly Bun?: { inspect(value: unknown, options: object): string };
};
const everything = { showHidden: true, depth: 100, getters: true, strAbbreviateSize: 1e9 };
const printers: readonly Printer[] = [runtime.Deno, runtime.Bun].flatMap((one) =>
  one === undefined
    ? []
    : [(value) => one.inspect(value, everything), (value) => one.inspect(value, {})]
);
const printed: string[] = [];

/** Prints a value in every way. */
function print(value: unknown): void {
  printed.push(Object(value).constructor.name);
  console.log("===", printed.at(-1), Object(value).code ?? "");
  const group = new AggregateError([value, new Error("another", { cause: value })], "group");
  for (const one of [value, group]) {
    console.log(one);
    console.error(one);
    console.log("%s %o %O %j", one, one, one, value);
    console.dir(one, { depth: null, showHidden: true });
    console.log(inspect(one, { showHidden: true, depth: Infinity, getters: true, compact: false }));
    console.log(viewsOf(one, printers));
  }
}

/** Prints what a task fails with; that it fails is what it is for. */
async function printFailure(task: () => unknown): Promise<unknown> {
  let result: unknown;
  try {
    result = await task();
  } catch (error) {
    print(error);
    return error;
  }
  throw new Error(`This was to fail: ${task}, and came to ${typeof result}`);
}

/** What failed without an error of the module's own, although no mistake of the program was behind it. */
const untyped: string[] = [];

/** As {@linkcode printFailure}, for every answer that is not HTTP. */
async function printFailuresOfRaw(task: () => unknown): Promise<void> {
  for (raw of RAW) {
    const error = await printFailure(task);
    if (!(error instanceof SessionError)) untyped.push(`${JSON.stringify(raw)}: ${error}`);
  }
}

function credentialsOf(broker: Broker) {
  return {
    broker,
    baseUrl: url,
    signInUrl: url,
    clientId: "client-id",
    clientSecret: CLIENT_SECRET,
    refreshToken: REFRESH_TOKEN,
    retry: { maxDelayMs: 0 },
    // One each, so that no session waits for the hanging token request of another.
    fetch: ((input, init) => fetch(input, init)) as typeof fetch,
  };
}

const ECHOES = [
  { error: "$echo" },
  { error: "$echo", error_description: "$echo", error_code: "$echo" },
  { error: "invalid_grant", error_description: "$echo" },
  { error: { code: "$echo", message: "$echo", errors: [{ code: "$echo", message: "$echo" }] } },
  { error: { code: "x", message: "$echo", $echo: "$echo" }, data: { deep: [{ $echo: "$echo" }] } },
  { Error: "$echo", Message: "$echo", Errors: [{ Error: "$echo", Message: "$echo" }] },
  ["$echo"],
];
const STATUSES = [200, 302, 400, 401, 403, 404, 422, 429, 500, 503];

/** Answers that are no HTTP, or stop being it, with good tokens in them. */
const RAW = [
  "$tokens",
  "HTTP/1.1 200 OK\r\nbad\u0000header: x\r\n\r\n$tokens",
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n$tokens\r\n0\r\n\r\n",
  "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n$tokens",
  "HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 20\r\n\r\n$tokens",
  "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n$tokens",
  "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n$tokens",
  "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\nconnection: close\r\n\r\n$tokens",
  "HTTP/1.1 099 No\r\nconnection: close\r\n\r\n$tokens",
];

const PKCE: Broker = {
  ...tradestation,
  ...(tradestation.login === undefined ? {} : { login: { ...tradestation.login, usesPkce: true } }),
};

/** A store that never keeps anything. */
const FULL_DISK: TokenStore = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.reject(new Error("the disk is full")),
  lock: (_key, task) => task(),
};

async function useSessions(broker: Broker): Promise<void> {
  const path = broker === tastytrade ? "/customers/me" : "/brokerage/accounts";
  const options = credentialsOf(broker);
  const session = new Session(options);
  print(session);
  await session.get(path);
  await session.accessToken();
  print(session);
  print({ session, sessions: [session], map: new Map([[session, new Set([session])]]) });
  const [account] = await Account.get(session);
  print(account);
  if (broker === tastytrade) {
    print(await Customer.get(session));
    print(await account?.balances());
    print(await account?.positions());
  } else {
    await printFailure(() => Customer.get(session));
  }
  print(new Credentials(options));
  print({ nested: [new Credentials(options)] });

  for (const body of ECHOES) {
    for (const status of STATUSES) {
      apiAnswer = { status, body };
      const isGood = status === 200 && !(broker === tradestation && "Error" in body);
      if (!isGood) await printFailure(() => session.get(path));
    }
  }
  for (apiAnswer of ["reset", "half"] as const) await printFailure(() => session.post(path, {}));
  apiAnswer = "hang";
  await printFailure(() => session.get(path, { timeoutMs: 20 }));
  await printFailure(() => session.get(path, { signal: AbortSignal.abort() }));
  const waiting = printFailure(() => session.get(path));
  await session.close();
  await waiting;
  await printFailure(() => session.get(path));
  print(session);
  apiAnswer = "good";

  const auto = await AutoRefreshSession.start(credentialsOf(broker));
  print(auto);
  await auto.close();
  print(auto);
}

/** Answers that are no HTTP, to the session and to the token request. */
async function breakHttp(): Promise<void> {
  const session = new Session(credentialsOf(tastytrade));
  await session.refresh();
  apiAnswer = "raw";
  await printFailuresOfRaw(() => session.get("/customers/me"));
  apiAnswer = "good";
  await session.close();
  tokenAnswer = "raw";
  for (const broker of [tastytrade, tradestation]) {
    await printFailuresOfRaw(() => new Session(credentialsOf(broker)).refresh());
  }
  tokenAnswer = "good";
}

async function failToRenew(broker: Broker): Promise<void> {
  const refresh = async (changes: object = {}): Promise<void> => {
    const session = new Session({ ...credentialsOf(broker), ...changes });
    await printFailure(() => session.refresh());
    print(session);
    session[Symbol.dispose]();
  };
  for (const body of ECHOES) {
    for (const status of STATUSES) {
      tokenAnswer = { status, body };
      await refresh();
    }
  }
  for (tokenAnswer of ["reset", "half"] as const) await refresh();
  tokenAnswer = "hang";
  await refresh({ timeoutMs: 20 });
  await refresh({ baseUrl: `https://127.0.0.1:${port}`, signInUrl: `https://127.0.0.1:${port}` });
  await refresh({ baseUrl: "http://127.0.0.1:1", signInUrl: "http://127.0.0.1:1" });
  const auto = printFailure(() =>
    AutoRefreshSession.start({ ...credentialsOf(broker), timeoutMs: 20 })
  );
  await auto;

  tokenAnswer = "good"; // which gives out another refresh token; then that one is echoed
  const session = new Session({ ...credentialsOf(broker), store: FULL_DISK });
  await session.refresh();
  print(session);
  tokenAnswer = { status: 400, body: ECHOES[2] };
  await printFailure(() => session.refresh({ force: true }));
  tokenAnswer = { status: 400, body: ECHOES[1] };
  await printFailure(() => session.revoke());
  await printFailure(() => session.close()); // what is held could not be saved
  tokenAnswer = "good";
}

async function failToLogIn(): Promise<void> {
  const { clientId, clientSecret } = credentialsOf(PKCE);
  const code = CODE;
  const common = { broker: PKCE, baseUrl: url, signInUrl: url, clientId, clientSecret };
  const back = (parameters: Record<string, string>) => (authorizeUrl: string): string => {
    const state = remember("state", new URL(authorizeUrl).searchParams.get("state") ?? "");
    return `http://localhost:3001/?${new URLSearchParams({ state, ...parameters })}`;
  };
  const pasteAddress = back({ code });
  print(await login({ ...common, pasteAddress }));
  for (const body of ECHOES) {
    for (const status of [200, 403, 500]) {
      tokenAnswer = { status, body };
      await printFailure(() => login({ ...common, pasteAddress }));
    }
  }
  for (tokenAnswer of ["reset", "half"] as const) {
    await printFailure(() => login({ ...common, pasteAddress }));
  }
  tokenAnswer = "raw";
  await printFailuresOfRaw(() => login({ ...common, pasteAddress }));
  const { refresh_token: _, ...withoutRefreshToken } = TOKENS;
  tokenAnswer = { status: 200, body: withoutRefreshToken };
  await printFailure(() => login({ ...common, pasteAddress }));
  tokenAnswer = "good";
  const refusal = { error: "access_denied", "error_description": `no ${clientSecret}` };
  for (
    const paste of [
      back({ code, state: "wrong" }),
      back(refusal),
      back({ ...refusal, error: clientSecret }),
      back({ code, error: "access_denied" }),
      () => `${code} ${code}`,
      () => `https://elsewhere.example/?code=${encodeURIComponent(code)}`,
      () => new Promise<string>(() => {}),
    ]
  ) {
    await printFailure(() => login({ ...common, pasteAddress: paste, timeoutMs: 200 }));
  }
  await printFailure(() => login({ ...common, port, openBrowser: false }));
}

async function failToBegin(): Promise<void> {
  const options = credentialsOf(tastytrade);
  const { clientSecret, refreshToken } = options;
  for (
    const changes of [
      { clientSecret: `"${clientSecret}"` },
      { refreshToken: `Bearer ${refreshToken}` },
      { refreshToken: `${refreshToken}\n` },
      { clientSecret: `${clientSecret}é` },
      { refreshToken: "" },
      { password: clientSecret },
      { baseUrl: `https://user:${percentEncoded(clientSecret)}@broker.example` },
      { baseUrl: `https://broker.example/?secret=${percentEncoded(clientSecret)}` },
    ]
  ) {
    await printFailure(() => new Session({ ...options, ...changes }));
  }
  await printFailure(() => new Credentials({ ...options, clientId: "`$'\"" }).toEnv());
}

/** What the search must find, one line for each form. */
function printLeaks(): void {
  for (const [kind, [one = ""]] of Object.entries(secrets)) {
    console.log(
      `LEAK ${kind} plain ${inspect(new Error("x", { cause: { one } })).replace(/\n/g, " ")}`,
    );
    console.log(`LEAK ${kind} percent ${encodeURIComponent(one)}`);
    console.log(`LEAK ${kind} form ${formEncoded(one)}`);
    console.log(`LEAK ${kind} base64 ${Buffer.from(one).toString("base64")}`);
    console.log(`LEAK ${kind} base64url ${Buffer.from(one).toString("base64url")}`);
    console.log(`LEAK ${kind} json ${JSON.stringify({ one })}`);
    console.error(`LEAK ${kind} basic ${Buffer.from(`client-id:${one}`).toString("base64")}`);
  }
}

if (mode === "leak") {
  await failToLogIn();
  printLeaks();
} else if (mode === "raw") {
  await breakHttp();
} else {
  await breakHttp();
  for (const broker of [tastytrade, tradestation]) {
    await useSessions(broker);
    await failToRenew(broker);
  }
  await failToLogIn();
  await failToBegin();
}
console.log("=== end");
await new Promise((resolve) => process.stdout.write("", resolve)); // Node would drop what waits there

// At last, what the runtime itself prints of an error that nobody caught.
tokenAnswer = { status: 400, body: ECHOES[3] };
const last = await new Session(credentialsOf(tradestation)).refresh().catch((error) => error);
if (!(last instanceof SessionError)) throw new Error("This was to fail");
writeFileSync(file, JSON.stringify({ secrets, printed, untyped }));
server.closeAllConnections();
server.close();
throw last;
