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
import process from "node:process";
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
import { channelOf, NAMES_OF_CHANNELS } from "../support/events.ts";
import { formEncoded, percentEncoded } from "../support/printed_secrets.ts";
import { print, printed, printFailure } from "./secrets_printer.ts";
import {
  answers,
  CLIENT_SECRET,
  CODE,
  ECHOES,
  port,
  RAW,
  REFRESH_TOKEN,
  remember,
  secrets,
  server,
  STATUSES,
  TOKENS,
  url,
} from "./secrets_server.ts";

const [file = "", mode] = process.argv.slice(2);

/** What failed without an error of the module's own, although no mistake of the program was behind it. */
const untyped: string[] = [];

/** As {@linkcode printFailure}, for every answer that is not HTTP. */
async function printFailuresOfRaw(task: () => unknown): Promise<void> {
  for (answers.raw of RAW) {
    const error = await printFailure(task);
    if (!(error instanceof SessionError)) untyped.push(`${JSON.stringify(answers.raw)}: ${error}`);
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

const PKCE: Broker = {
  ...tradestation,
  ...(tradestation.login === undefined ? {} : { login: { ...tradestation.login, usesPkce: true } }),
};

const ORDER = { "order-type": "Market", "time-in-force": "Day", "legs": [] } as const;

/** A store that never keeps anything. */
const FULL_DISK: TokenStore = {
  get: () => Promise.resolve(undefined),
  compareAndSet(_key, _before, after) {
    const isIntent = after.includes('"intent"');
    return isIntent ? Promise.resolve(isIntent) : Promise.reject(new Error("the disk is full"));
  },
};

/** Prints all that is told of what a session does. */
function printEvents(): void {
  for (const name of NAMES_OF_CHANNELS) {
    channelOf(name).subscribe((event) => {
      console.log("EVENT", ...name.split(":"), inspect(event, { breakLength: Infinity, depth: 9 }));
    });
  }
}

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
      answers.api = { status, body };
      const isGood = status === 200 && !(broker === tradestation && "Error" in body);
      if (!isGood) await printFailure(() => session.get(path));
    }
  }
  for (answers.api of ["reset", "half"] as const) await printFailure(() => session.post(path, {}));
  answers.api = "hang";
  await printFailure(() => session.get(path, { timeoutMs: 20 }));
  await printFailure(() => session.get(path, { signal: AbortSignal.abort() }));
  const waiting = printFailure(() => session.get(path));
  await session.close();
  await waiting;
  await printFailure(() => session.get(path));
  print(session);
  answers.api = "good";

  const other = new Session(credentialsOf(broker));
  const [usable] = await Account.get(other);
  const timeoutMs = 200;
  await printFailure(() => usable?.placeOrder(ORDER, { timeoutMs }));
  await printFailure(() => usable?.cancelOrder("1", { timeoutMs }));
  if (broker === tradestation) {
    for await (const { kind } of other.stream("/brokerage/accounts")) if (kind === "gap") break;
  }
  await other.close();

  const auto = await AutoRefreshSession.start(credentialsOf(broker));
  print(auto);
  await auto.close();
  print(auto);
}

/** Answers that are no HTTP, to the session and to the token request. */
async function breakHttp(): Promise<void> {
  const session = new Session(credentialsOf(tastytrade));
  await session.refresh();
  answers.api = "raw";
  await printFailuresOfRaw(() => session.get("/customers/me"));
  answers.api = "good";
  await session.close();
  answers.token = "raw";
  for (const broker of [tastytrade, tradestation]) {
    await printFailuresOfRaw(() => new Session(credentialsOf(broker)).refresh());
  }
  answers.token = "good";
}

async function failToRefresh(broker: Broker): Promise<void> {
  const refresh = async (changes: object = {}): Promise<void> => {
    const session = new Session({ ...credentialsOf(broker), ...changes });
    await printFailure(() => session.refresh());
    print(session);
    session[Symbol.dispose]();
  };
  for (const body of ECHOES) {
    for (const status of STATUSES) {
      answers.token = { status, body };
      await refresh();
    }
  }
  for (answers.token of ["reset", "half"] as const) await refresh();
  answers.token = "hang";
  await refresh({ timeoutMs: 20 });
  await refresh({ baseUrl: `https://127.0.0.1:${port}`, signInUrl: `https://127.0.0.1:${port}` });
  await refresh({ baseUrl: "http://127.0.0.1:1", signInUrl: "http://127.0.0.1:1" });
  const auto = printFailure(() =>
    AutoRefreshSession.start({ ...credentialsOf(broker), timeoutMs: 20 })
  );
  await auto;

  answers.token = "good"; // which gives out another refresh token; then that one is echoed
  const session = new Session({ ...credentialsOf(broker), store: FULL_DISK });
  await session.refresh();
  print(session);
  const closed = new Session({ ...credentialsOf(broker), store: FULL_DISK });
  await closed.refresh();
  await printFailure(() => closed.close()); // what is held could not be saved
  answers.token = { status: 400, body: ECHOES[2] };
  await printFailure(() => session.refresh({ force: true }));
  answers.token = { status: 400, body: ECHOES[1] };
  await printFailure(() => session.revoke());
  await session.close();
  answers.token = "good";
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
      answers.token = { status, body };
      await printFailure(() => login({ ...common, pasteAddress }));
    }
  }
  for (answers.token of ["reset", "half"] as const) {
    await printFailure(() => login({ ...common, pasteAddress }));
  }
  answers.token = "raw";
  await printFailuresOfRaw(() => login({ ...common, pasteAddress }));
  const { refresh_token: _, ...withoutRefreshToken } = TOKENS;
  answers.token = { status: 200, body: withoutRefreshToken };
  await printFailure(() => login({ ...common, pasteAddress }));
  answers.token = "good";
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
  printEvents();
  await breakHttp();
  for (const broker of [tastytrade, tradestation]) {
    await useSessions(broker);
    await failToRefresh(broker);
  }
  await failToLogIn();
  await failToBegin();
}
console.log("=== end");
await new Promise((resolve) => process.stdout.write("", resolve)); // Node would drop what waits there

// At last, what the runtime itself prints of an error that nobody caught.
answers.token = { status: 400, body: ECHOES[3] };
const last = await new Session(credentialsOf(tradestation)).refresh().catch((error) => error);
if (!(last instanceof SessionError)) throw new Error("This was to fail");
writeFileSync(file, JSON.stringify({ secrets, printed, untyped }));
server.closeAllConnections();
server.close();
throw last;
