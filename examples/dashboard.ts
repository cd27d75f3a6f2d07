// Shows what your accounts are worth and hold on http://127.0.0.1:8080, with prices that move: yours if the
// environment has credentials (the scope `read`, at TradeStation `MarketData ReadAccount`), else the emulator's.
// For Deno: `deno run -A examples/dashboard.ts`. Options: --port=8080; --broker=tradestation; --sandbox;
// --base-url=… for an emulator.
import process from "node:process";
import { parseArgs } from "node:util";
import { STATUS_CODE, STATUS_TEXT, type StatusCode } from "@std/http/status";
import { Account, AutoRefreshSession, type Balances, type Position, type Session } from "../mod.ts";
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";
import { PriceEvents } from "./shared/price_events.ts";
import { movePrices } from "./shared/prices.ts";
import { serve } from "./shared/serve.ts";

async function serveDashboard(): Promise<void> {
  const options = { ...PLACE_OPTIONS, port: { type: "string" } } as const;
  const { port = "8080", ...values } = parseArgs({ options }).values;
  await using place = await findPlace(values);
  await using session = await AutoRefreshSession.start({
    ...place.options,
    rateLimit: "published",
  });
  const symbols = await heldSymbols(session);
  using _moving = movePrices(place.emulator, symbols);
  const prices = new PriceEvents(session, symbols);
  const server = await serve(Number(port), (request) => answer(request, session, prices));
  console.log(server.url);
  await new Promise((resolve) => process.once("SIGINT", resolve));
  prices.close();
  await server.stop();
}

/** What prices are asked for. An option of tastytrade's has another symbol there, and is left out. */
async function heldSymbols(session: Session): Promise<string[]> {
  const accounts = await Account.get(session);
  const positions = (await Promise.all(accounts.map((account) => account.positions()))).flat();
  const symbols = positions.map(({ symbol }) => symbol);
  return [...new Set(symbols)].filter((symbol) => !symbol.includes(" "));
}

async function answer(request: Request, session: Session, prices: PriceEvents): Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  // Another site's name may be made to lead here, so that its scripts could read this page.
  if (hostname !== "127.0.0.1") return page(STATUS_CODE.MisdirectedRequest);
  if (pathname === "/dashboard.css") return respond(STATUS_CODE.OK, "text/css", STYLE);
  if (pathname === "/dashboard.js") return respond(STATUS_CODE.OK, "text/javascript", SCRIPT);
  if (pathname === "/prices") return prices.respond({ "cache-control": "no-store" });
  if (pathname !== "/") return page(STATUS_CODE.NotFound);
  try {
    return page(STATUS_CODE.OK, await Promise.all((await Account.get(session)).map(card)));
  } catch (error) {
    return page(STATUS_CODE.BadGateway, markup`<p role="alert">${Object(error).message}</p>`);
  }
}

async function card(account: Account): Promise<Markup> {
  const [balances, positions] = await Promise.all([account.balances(), account.positions()]);
  const { accountNumber, accountType, marginOrCash } = account;
  const kinds = new Set([accountNumber, accountType, marginOrCash].filter(Boolean));
  return markup`<section>
<h2>${account.nickname ?? accountType}</h2>
<p class="soft">${[...kinds].join(" · ")}</p>
<p class="worth">${grouped(balances.netLiquidatingValue)} <small>${balances.currency}</small></p>
<dl>${bars(balances)}</dl>
${positions.length > 0 ? table(positions) : markup`<p class="soft">No positions</p>`}
</section>`;
}

function bars(balances: Balances): Markup[] {
  const { marketValue } = balances;
  const amounts = [
    ["Cash", balances.cashBalance, "have"],
    ["Positions", marketValue, marketValue?.startsWith("-") ? "owe" : "have"],
    ["Long stock", balances.longEquityValue, "have"],
    ["Long options", balances.longDerivativeValue, "have"],
    ["Short stock", balances.shortEquityValue, "owe"],
    ["Short options", balances.shortDerivativeValue, "owe"],
    ["Buying power", balances.equityBuyingPower, "may"],
  ] as const;
  // What the broker does not say has no bar, and neither has zero. A bar is a picture: for its length a float
  // will do. The amounts stand there as they came.
  const shown = amounts.filter(([, amount]) => amount !== undefined && Number(amount) !== 0);
  const longest = Math.max(...shown.map(([, amount]) => Math.abs(Number(amount))));
  return shown.map(([label, amount, kind]) => {
    const width = (100 * Math.abs(Number(amount)) / longest).toFixed(2);
    return markup`<dt>${label}</dt><dd>${grouped(amount)}</dd>
<dd class="bar"><svg aria-hidden="true"><rect class="${kind}" width="${width}%"/></svg></dd>`;
  });
}

function table(positions: readonly Position[]): Markup {
  const rows = positions.map(({ symbol, quantity, quantityDirection, ...prices }) =>
    markup`<tr><th scope="row">${symbol}</th>
<td>${quantityDirection === "Short" ? "−" : ""}${grouped(quantity)}</td>
<td>${grouped(prices.averageOpenPrice)}</td><td data-symbol="${symbol}">–</td>
<td>${grouped(prices.marketValue)}</td></tr>`
  );
  return markup`<table><tr><th>Position<th>Held<th>Opened at<th>Price<th>Value</tr>${rows}</table>`;
}

/** -51600.762 as −51,600.762, and not a digit less. */
function grouped(amount = "–"): string {
  return amount.replace("-", "−").replace(/(?<!\.\d*)\B(?=(\d{3})+(\.|$))/g, ",");
}

function page(status: StatusCode, content: Markup | Markup[] = []): Response {
  const title = status === STATUS_CODE.OK ? "Accounts" : STATUS_TEXT[status];
  const { text } = markup`<!DOCTYPE html><html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="/dashboard.css"><script type="module" src="/dashboard.js"></script>
<header><h1>${title}</h1><p class="soft">as of ${new Date().toTimeString().slice(0, 8)}</p></header>
<main>${content}</main>`;
  return respond(status, "text/html", text);
}

const [STYLE, SCRIPT] = await Promise.all(
  ["dashboard.css", "dashboard.js"].map((name) =>
    Deno.readTextFile(new URL(name, import.meta.url))
  ),
);
const CSP = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; frame-ancestors 'none'";

function respond(status: StatusCode, type: string, body: string | undefined): Response {
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
