// Shows prices as they move: at tastytrade by DXLink, at TradeStation by a stream of quotes. Without
// credentials in the environment, the emulator's. Runs with `deno run -A`; for Bun and Node 22 or newer,
// `npm install @dxfeed/dxlink-api` first.
// Options: --broker=tradestation; --symbols=AAPL,MSFT; --times=N to end after N prices.
import process from "node:process";
import { parseArgs } from "node:util";
import { Session, tradestation } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

type Show = (symbol: string, price: unknown) => void;

/** Quotes of tastytrade, until the signal aborts. */
async function showDxlink(session: Session, symbols: string[], signal: AbortSignal, show: Show) {
  const { DXLinkWebSocketClient, DXLinkFeed, FeedContract, FeedDataFormat } = await import(
    "@dxfeed/dxlink-api"
  );
  const { url } = await session.quoteToken();
  const open = () => {
    if (signal.aborted) return;
    const client = new DXLinkWebSocketClient();
    signal.addEventListener("abort", () => client.close(), { once: true });
    // The token may be sent when the server has told that it waits for one, not before.
    client.addAuthStateChangeListener((state: string) => {
      const isOver = signal.aborted || client.getConnectionState() === "NOT_CONNECTED";
      if (state !== "UNAUTHORIZED" || isOver) return;
      session.quoteToken().then(({ token }) => client.setAuthToken(token), console.error);
    });
    // After a reconnect the client sends its old token too soon, and another client is needed.
    client.addErrorListener(({ type }: { type: string }) => {
      if (type !== "UNAUTHORIZED") return;
      client.close();
      setTimeout(open, 1_000);
    });
    const feed = new DXLinkFeed(client, FeedContract.AUTO);
    feed.configure({
      acceptDataFormat: FeedDataFormat.COMPACT,
      acceptEventFields: { Quote: ["eventType", "eventSymbol", "bidPrice", "askPrice"] },
    });
    feed.addEventListener((events: Record<string, unknown>[]) => {
      for (const { eventSymbol, bidPrice } of events) show(`${eventSymbol}`, bidPrice);
    });
    feed.addSubscriptions(symbols.map((symbol) => ({ type: "Quote", symbol })));
    client.connect(url);
  };
  open();
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** Quotes of TradeStation, until the signal aborts. */
async function showStream(session: Session, symbols: string[], signal: AbortSignal, show: Show) {
  const quotes = session.stream<{ Symbol: string; Bid?: string }>(
    `/marketdata/stream/quotes/${symbols}`,
  );
  signal.addEventListener("abort", () => quotes.close());
  for await (const event of quotes) {
    if (event.kind === "gap") console.error(`Prices may be missing: ${event.reason}`);
    if (event.kind === "symbol_error") console.error(`No ${event.symbol}: ${event.code}`);
    if (event.kind === "data" && event.data.Bid) show(event.data.Symbol, event.data.Bid);
  }
}

async function showQuotes(): Promise<void> {
  const { broker: name, symbols: list, times } = parseArgs({
    options: {
      "broker": { type: "string", default: "tastytrade" },
      "symbols": { type: "string", default: "AAPL,MSFT" },
      "times": { type: "string", default: "Infinity" },
    },
  }).values;
  const isTradestation = name === "tradestation";
  const symbols = list.split(",");
  const { TASTY_REFRESH_TOKEN, TRADESTATION_REFRESH_TOKEN } = process.env;
  const isOwn = isTradestation ? TRADESTATION_REFRESH_TOKEN : TASTY_REFRESH_TOKEN;
  await using emulator = isOwn ? undefined : await startEmulator();
  const move = () => {
    for (const one of symbols) emulator?.setPrice(one, (180 + Math.random()).toFixed(2));
  };
  const timer = emulator && setInterval(move, 100);
  move();
  await using session = isTradestation
    ? new Session({ broker: tradestation, ...emulator?.tradestation })
    : new Session({ ...emulator?.tastytrade });

  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  let left = Number(times);
  const show: Show = (symbol, price) => {
    if (left-- > 0) console.log(`${symbol.padEnd(8)}${price}`);
    if (left <= 0) controller.abort();
  };
  try {
    await (isTradestation ? showStream : showDxlink)(session, symbols, controller.signal, show);
  } finally {
    clearInterval(timer);
  }
}

await showQuotes().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
