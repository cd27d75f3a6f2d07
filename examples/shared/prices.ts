// The price of each last trade, as it happens: at tastytrade by DXLink, for which Bun and Node need
// `npm install @dxfeed/dxlink-api`, at TradeStation by a stream of quotes.
import type { Session } from "../../mod.ts"; // in your program: "@tasty/session"
import type { Emulator } from "../../src/emulator/emulator.ts"; // "@tasty/session/emulator"

/** Is told each price. */
export type OnPrice = (symbol: string, price: string) => void;

/** Tells prices until the signal aborts. */
export async function watchPrices(
  session: Session,
  symbols: readonly string[],
  signal: AbortSignal,
  onPrice: OnPrice,
): Promise<void> {
  const watch = session.broker.quoteTokens ? watchDxlink : watchStream;
  await watch(session, symbols, signal, onPrice);
}

async function watchDxlink(
  session: Session,
  symbols: readonly string[],
  signal: AbortSignal,
  onPrice: OnPrice,
): Promise<void> {
  const { DXLinkWebSocketClient, DXLinkFeed, FeedContract, FeedDataFormat } = await import(
    "@dxfeed/dxlink-api"
  );
  const { url } = await session.quoteToken();
  const { promise: isOver, resolve, reject } = Promise.withResolvers<void>();
  const open = () => {
    if (signal.aborted) return;
    const client = new DXLinkWebSocketClient();
    signal.addEventListener("abort", () => client.close(), { once: true });
    // The token may be sent when the server has told that it waits for one, not before.
    client.addAuthStateChangeListener((state: string) => {
      const isClosed = signal.aborted || client.getConnectionState() === "NOT_CONNECTED";
      if (state !== "UNAUTHORIZED" || isClosed) return;
      session.quoteToken().then(({ token }) => client.setAuthToken(token), reject);
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
      acceptEventFields: { Trade: ["eventType", "eventSymbol", "price"] },
    });
    feed.addEventListener((events: Record<string, unknown>[]) => {
      for (const { eventSymbol, price } of events) onPrice(`${eventSymbol}`, `${price}`);
    });
    feed.addSubscriptions(symbols.map((symbol) => ({ type: "Trade", symbol })));
    client.connect(url);
  };
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  open();
  await isOver;
}

async function watchStream(
  session: Session,
  symbols: readonly string[],
  signal: AbortSignal,
  onPrice: OnPrice,
): Promise<void> {
  const quotes = session.stream<{ Symbol: string; Last?: string }>(
    `/marketdata/stream/quotes/${symbols}`,
  );
  signal.addEventListener("abort", () => quotes.close(), { once: true });
  if (signal.aborted) return;
  const prices = new Map<string, string>();
  for await (const event of quotes) {
    if (event.kind === "gap") console.error(`Prices may be missing: ${event.reason}`);
    if (event.kind === "symbol_error") console.error(`No ${event.symbol}: ${event.code}`);
    if (event.kind !== "data") continue;
    const { Symbol: symbol, Last: price } = event.data;
    if (price === undefined || prices.get(symbol) === price) continue;
    prices.set(symbol, price);
    onPrice(symbol, price);
  }
}

/** Moves the prices of an emulator, ten times a second. */
export function movePrices(emulator: Emulator | undefined, symbols: readonly string[]): Disposable {
  const move = () => {
    for (const one of symbols) emulator?.setPrice(one, (180 + Math.random()).toFixed(2));
  };
  move();
  const timer = emulator && setInterval(move, 100);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
