/**
 * Orders over an unreliable network, by `placeOrder()`, `cancelOrder()` and `replaceOrder()`: each answer is
 * compared with the emulator's books.
 *
 * @module
 */

import { type EmulatedOrder, startEmulator } from "../../src/emulator/emulator.ts";
import type { OrderReport, Told } from "./order_client.ts";
import { ChaosProxy } from "./proxy.ts";
import { Random } from "../support/random.ts";
import { run, type Runtime } from "../support/runtimes.ts";

/** What came of it. */
export interface OrderChaosResult {
  /** What must not happen, a line each. */
  readonly violations: readonly string[];
  /** How often each answer was told, by action. */
  readonly told: Readonly<Record<string, number>>;
  /** How many orders were placed whose answer was lost, and how many of them were found. */
  readonly lost: number;
  readonly found: number;
  /** The longest call, in milliseconds. */
  readonly longestMs: number;
  readonly faults: number;
}

/** How chaotic it is. */
export interface OrderChaosOptions {
  readonly broker: "tastytrade" | "tradestation";
  readonly orders: number;
  readonly seed: number;
  /** How late an order shows in the lists. */
  readonly listDelayMs: number;
  readonly timeoutMs: number;
}

// Several accounts, so that no list is long.
const ACCOUNTS = 20;

/** Has a runtime send so many orders. */
export async function orderChaos(
  runtime: Runtime,
  { broker, orders, seed, listDelayMs, timeoutMs }: OrderChaosOptions,
): Promise<OrderChaosResult> {
  await using emulator = await startEmulator();
  emulator.orderListDelayMs = listDelayMs;
  emulator.tradestation.listsConfirmIds = true;
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => ({
    accountNumber: `7000${i}`,
    cash: "1000000000.00",
  }));
  const access = emulator.addUser(accounts)[broker];
  const { origin, pathname } = new URL(access.baseUrl);
  await using proxy = new ChaosProxy(origin, () => emulator.revokeAccessTokens(), new Random(seed));
  const options = { ...access, baseUrl: await proxy.open() + pathname, timeoutMs };
  const client = ["tests/chaos/order_client.ts", broker, JSON.stringify(options), String(orders)];
  const { stdout, stderr } = await run(runtime, client);
  if (!stdout.startsWith("{")) throw new Error(`The program ended without a report: ${stderr}`);
  const reports: Record<string, OrderReport> = JSON.parse(stdout);

  const checks = new Checks(emulator.orders, broker);
  for (const [name, report] of Object.entries(reports)) checks.check(name, report);
  const missing = orders - Object.keys(reports).length;
  if (missing !== 0) checks.violations.push(`${missing} orders were not reported`);
  for (const [name, { placed }] of Object.entries(reports)) {
    const story = proxy.stories.get(`${name} POST`);
    // Its answer was lost if it was placed, and the network was at fault after that.
    const isLost = checks.isPlaced(name) && (story?.lostAnswers ?? 0) > 0;
    if (isLost) checks.countLost(placed);
  }
  const faults = [...proxy.counts].filter(([key]) => !/ (none|delay|close)/.test(key));
  return {
    violations: checks.violations,
    told: checks.told,
    lost: checks.lost,
    found: checks.found,
    longestMs: checks.longestMs,
    faults: faults.reduce((sum, [, times]) => sum + times, 0),
  };
}

/** Compares what was told with the books. */
class Checks {
  readonly violations: string[] = [];
  readonly told: Record<string, number> = {};
  lost = 0;
  found = 0;
  longestMs = 0;
  readonly #byName = new Map<string, EmulatedOrder[]>();
  readonly #byId = new Map<string, EmulatedOrder>();
  readonly #replacements = new Map<string, EmulatedOrder[]>();
  readonly #broker: string;

  constructor(book: readonly EmulatedOrder[], broker: string) {
    this.#broker = broker;
    for (const order of book) {
      const name = `${order.wire["external-identifier"] ?? order.wire["OrderConfirmID"]}`;
      this.#byName.set(name, [...this.#byName.get(name) ?? [], order]);
      this.#byId.set(`${order.id}`, order);
      if (order.replaces === undefined) continue;
      const replaced = `${order.replaces}`;
      this.#replacements.set(replaced, [...this.#replacements.get(replaced) ?? [], order]);
    }
  }

  isPlaced(name: string): boolean {
    return this.#byName.has(name);
  }

  countLost({ outcome }: Told): void {
    this.lost += 1;
    if (outcome === "done") this.found += 1;
  }

  check(name: string, { placed, cancelled, replaced }: OrderReport): void {
    const [order, another] = this.#byName.get(name) ?? [];
    if (another !== undefined) this.violations.push(`${name} arrived twice`);
    const isIt = order !== undefined && `${order.id}` === placed.id;
    this.#compare(`${name} placed`, placed, order !== undefined, isIt);
    if (placed.id === undefined) return;
    if (cancelled !== undefined) {
      const isCancelled = /^(Cancel|OUT|UCN)/.test(order?.status ?? "");
      this.#compare(`${name} cancelled`, cancelled, isCancelled, cancelled.id === placed.id);
    }
    if (replaced === undefined) return;
    const replacements = this.#replacements.get(placed.id) ?? [];
    if (replacements.length > 1) this.violations.push(`${name} was replaced twice`);
    const isReplaced = this.#broker === "tastytrade"
      ? replacements.length > 0
      : order?.wire["LimitPrice"] === "0.50";
    const expected = this.#broker === "tastytrade" ? `${replacements[0]?.id}` : placed.id;
    this.#compare(`${name} replaced`, replaced, isReplaced, replaced.id === expected);
  }

  /** Whether it happened, and whether the answer is about it. */
  #compare(what: string, { outcome, ms }: Told, happened: boolean, isIt: boolean): void {
    const action = what.split(" ").at(-1);
    const key = `${action} ${outcome}`;
    this.told[key] = (this.told[key] ?? 0) + 1;
    this.longestMs = Math.max(this.longestMs, ms);
    if (outcome === "done" && !(happened && isIt)) {
      this.violations.push(`${what}: told so, and it was not`);
    }
    if ((outcome === "not_processed" || outcome === "refused") && happened) {
      this.violations.push(`${what}: told "${outcome}", and it was`);
    }
    if (!KNOWN.has(outcome)) this.violations.push(`${what}: ${outcome}`);
  }
}

const KNOWN = new Set(["done", "not_processed", "refused", "unknown"]);
