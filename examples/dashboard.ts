// Shows what your accounts are worth and hold on http://127.0.0.1:8080: yours if the environment has
// credentials (the scope `read` is enough), else the emulator's. Comes again every ten seconds.
// For Deno: `deno run -A examples/dashboard.ts`. Options: --port=8080; --base-url=… for an emulator.
import process from "node:process";
import { parseArgs } from "node:util";
import { STATUS_CODE, STATUS_TEXT, type StatusCode } from "@std/http/status";
import { Account, AutoRefreshSession, type Balances, type Position, type Session } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function serveDashboard(): Promise<void> {
  const options = { "port": { type: "string" }, "base-url": { type: "string" } } as const;
  const { port = "8080", "base-url": baseUrl } = parseArgs({ options }).values;
  const isOwn = process.env.TASTY_CLIENT_SECRET || process.env.TASTY_REFRESH_TOKEN || baseUrl;
  await using emulator = isOwn ? undefined : await startEmulator();
  const place = { baseUrl, ...emulator?.tastytrade };
  await using session = await AutoRefreshSession.start({ ...place, rateLimit: "published" });
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const onListen = ({ port }: Deno.NetAddr) => console.log(`http://127.0.0.1:${port}`);
  const where = { hostname: "127.0.0.1", port: Number(port), signal: stop.signal, onListen };
  await Deno.serve(where, (request) => answer(request, session)).finished;
}

async function answer(request: Request, session: Session): Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  // Another site's name may be made to lead here, so that its scripts could read this page.
  if (hostname !== "127.0.0.1") return page(STATUS_CODE.MisdirectedRequest);
  if (pathname === "/dashboard.css") return respond(STATUS_CODE.OK, "text/css", STYLE);
  if (pathname !== "/") return page(STATUS_CODE.NotFound);
  try {
    return page(STATUS_CODE.OK, await Promise.all((await Account.get(session)).map(card)));
  } catch (error) {
    return page(STATUS_CODE.BadGateway, markup`<p role="alert">${Object(error).message}</p>`);
  }
}

async function card(account: Account): Promise<Markup> {
  const [balances, positions] = await Promise.all([account.balances(), account.positions()]);
  return markup`<section>
<h2>${account.nickname ?? account.accountType}</h2>
<p class="soft">${account.accountNumber} · ${account.accountType} · ${account.marginOrCash}</p>
<p class="worth">${grouped(balances.netLiquidatingValue)} <small>${balances.currency}</small></p>
<dl>${bars(balances)}</dl>
${positions.length > 0 ? table(positions) : markup`<p class="soft">No positions</p>`}
</section>`;
}

function bars(balances: Balances): Markup[] {
  const amounts = [
    ["Cash", balances.cashBalance, "have"],
    ["Long stock", balances.longEquityValue, "have"],
    ["Long options", balances.longDerivativeValue, "have"],
    ["Short stock", balances.shortEquityValue, "owe"],
    ["Short options", balances.shortDerivativeValue, "owe"],
    ["Buying power", balances.equityBuyingPower, "may"],
  ] as const;
  // A bar is a picture: for its length a float will do. The amounts stand there as they came.
  const longest = Math.max(...amounts.map(([, amount]) => Math.abs(Number(amount ?? 0))));
  return amounts.filter(([, amount]) => Number(amount ?? 0) !== 0).map(([label, amount, kind]) => {
    const width = (100 * Math.abs(Number(amount)) / longest).toFixed(2);
    return markup`<dt>${label}</dt><dd>${grouped(amount)}</dd>
<dd class="bar"><svg aria-hidden="true"><rect class="${kind}" width="${width}%"/></svg></dd>`;
  });
}

function table(positions: readonly Position[]): Markup {
  const rows = positions.map(({ symbol, quantity, quantityDirection, ...prices }) =>
    markup`<tr><th scope="row">${symbol}</th>
<td>${quantityDirection === "Short" ? "−" : ""}${grouped(quantity)}</td>
<td>${grouped(prices.averageOpenPrice)}</td><td>${grouped(prices.closePrice)}</td></tr>`
  );
  return markup`<table><tr><th>Position<th>Held<th>Opened at<th>Last close</tr>${rows}</table>`;
}

/** 51600.762 as 51,600.762, and not a digit less. */
function grouped(amount = "—"): string {
  return amount.replace(/(?<!\.\d*)\B(?=(\d{3})+(\.|$))/g, ",");
}

function page(status: StatusCode, content: Markup | Markup[] = []): Response {
  const title = status === STATUS_CODE.OK ? "Accounts" : STATUS_TEXT[status];
  const { text } = markup`<!DOCTYPE html><html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="10"><title>${title}</title>
<link rel="stylesheet" href="/dashboard.css">
<header><h1>${title}</h1><p class="soft">as of ${new Date().toTimeString().slice(0, 8)}</p></header>
<main>${content}</main>`;
  return respond(status, "text/html", text);
}

const STYLE = await Deno.readTextFile(new URL("dashboard.css", import.meta.url));
const CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

function respond(status: StatusCode, type: string, body: string): Response {
  const headers = {
    "content-type": `${type}; charset=utf-8`,
    "content-security-policy": CSP,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  };
  return new Response(body, { status, statusText: STATUS_TEXT[status], headers });
}

type Markup = { readonly text: string };
type Insert = string | undefined | Markup | Markup[];

/** The one way to markup: what is inserted is escaped, unless it is markup itself. */
function markup(literals: TemplateStringsArray, ...inserts: Insert[]): Markup {
  const texts = inserts.map((insert = "") =>
    typeof insert === "string"
      ? insert.replace(/[&<>"'`]/g, (sign) => `&#${sign.charCodeAt(0)};`)
      : [insert].flat().map(({ text }) => text).join("\n")
  );
  return { text: String.raw({ raw: literals }, ...texts) };
}

await serveDashboard().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
