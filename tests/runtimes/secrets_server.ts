/**
 * A server that echoes the secrets that it is sent, in every form, or answers with broken HTTP.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { formEncoded, percentEncoded } from "../support/printed_secrets.ts";

/** What must not be printed, by kind. All of it is different in plain, percent-encoded and base64. */
export const secrets: Record<string, string[]> = {};

/** Adds a value that must not be printed. */
export function remember(kind: string, value: string): string {
  secrets[kind] ??= [];
  secrets[kind].push(value);
  return value;
}

function secret(kind: string): string {
  return remember(kind, `${kind}-canary~/+?>~~?>/+${crypto.randomUUID()}=`);
}

export const CLIENT_SECRET: string = secret("client_secret");
export const REFRESH_TOKEN: string = secret("refresh_token");
export const CODE: string = secret("code");
/** What the server gives out; an access token is for a header, and has fewer characters. */
export const TOKENS: Readonly<Record<string, string | number>> = {
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
/** What it answers now. `raw` is sent byte for byte; `$tokens` in it stands for a token response. */
export const answers: { token: Answer | "good"; api: Answer | "good"; raw: string } = {
  token: "good",
  api: "good",
  raw: "",
};

/** Bodies of error responses that echo what was sent. */
export const ECHOES: readonly (Readonly<Record<string, unknown>> | readonly string[])[] = [
  { error: "$echo" },
  { error: "$echo", error_description: "$echo", error_code: "$echo" },
  { error: "invalid_grant", error_description: "$echo" },
  { error: { code: "$echo", message: "$echo", errors: [{ code: "$echo", message: "$echo" }] } },
  { error: { code: "x", message: "$echo", $echo: "$echo" }, data: { deep: [{ $echo: "$echo" }] } },
  { Error: "$echo", Message: "$echo", Errors: [{ Error: "$echo", Message: "$echo" }] },
  ["$echo"],
];
/** Statuses of error responses. */
export const STATUSES: readonly number[] = [200, 302, 400, 401, 403, 404, 422, 429, 500, 503];

/** Answers that are no HTTP, or stop being it, with good tokens in them. */
export const RAW: readonly string[] = [
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
    request.socket.end(answers.raw.replace("$tokens", JSON.stringify(TOKENS)));
  } else {
    const echo = echoOf(request, body);
    const json = JSON.stringify(answer.body).replaceAll(
      "$echo",
      () => JSON.stringify(echo).slice(1, -1),
    );
    response.writeHead(answer.status, { "content-type": "application/json" }).end(json);
  }
}

export const server: Server = createServer(async (request, response) => {
  const body = await text(request);
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  if (pathname.startsWith("/oauth/")) {
    const verifier = new URLSearchParams(body).get("code_verifier");
    if (verifier !== null) remember("code_verifier", verifier);
    if (answers.token === "good") response.end(JSON.stringify(TOKENS));
    else send(answers.token, { request, response, body });
  } else if (answers.api === "good") {
    response.writeHead(pathname in DATA ? 200 : 404).end(JSON.stringify(DATA[pathname] ?? {}));
  } else {
    send(answers.api, { request, response, body });
  }
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
/** Where it listens. */
export const port: number = typeof address === "object" && address !== null ? address.port : 0;
/** Its address. */
export const url: string = `http://127.0.0.1:${port}`;
