import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Decimal } from "../decimal.ts";
import { ExchangeOrder } from "../exchange/exchange_order.ts";
import { Route } from "../route.ts";
import { collectAccounts } from "./accounts.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import { checkFields, Unserved } from "../unserved.ts";
import { listOf } from "./list.ts";
import { instrumentOf } from "./instrument.ts";
import type { OrderBook, PlacedOrder } from "./order_book.ts";
import {
  amountOf,
  ORDER_TYPES,
  type OrderForm,
  parseOrderForm,
  parseOrderGroup,
  readBody,
  trailingStopOf,
  wordOf,
} from "./order_form.ts";
import { orderTerms } from "./order_terms.ts";
import { orderPage, PAGE } from "./pagination.ts";
import cancelled from "./recordings/order_cancelled.json" with { type: "json" };
import confirmed from "./recordings/order_confirmed.json" with { type: "json" };
import placed from "./recordings/orders_placed.json" with { type: "json" };
import replaced from "./recordings/order_replaced.json" with { type: "json" };

const DAY_MS = 24 * 60 * 60 * 1000;
// 90 in the specification of 2025, 730 in the documentation of 2026.
const MOST_DAYS = 730;
const MOST_IDS = 50;
// The estimated price of the recorded market order.
const MARKET_PRICE = `${confirmed.Confirmations[0]?.EstimatedPrice}`;
// The refusal is recorded, the maximum is invented.
const HIGHEST_PRICE = Decimal.from("1000000");

/** What an order lacks that becomes a market order. */
const NO_PRICES = { limitPrice: undefined, stopPrice: undefined, trailingStop: undefined };

/** Orders: list, confirm, place, replace, cancel. */
export const orderEndpoints: readonly Endpoint[] = [
  read("GET /v3/brokerage/accounts/*/orders", PAGE, (call) => {
    const { found, errors } = collectAccounts(call, (id) => call.book.ofAccount(id));
    return orderPage(found, errors, call.query);
  }),
  read("GET /v3/brokerage/accounts/*/historicalorders", [...PAGE, "since"], (call) => {
    const since = sinceOf(call);
    const { found, errors } = collectAccounts(call, (id) => call.book.history(id));
    const closed = found.filter((order) => `${order["ClosedDateTime"]}`.slice(0, 10) >= since);
    return orderPage(closed, errors, call.query);
  }),
  read("GET /v3/brokerage/accounts/*/orders/*", [], selectedResponse),
  trade("POST /v3/orderexecution/orderconfirm", ({ request, owner }) => {
    return confirmResponse(withSent(parseOrderForm(readBody(request), owner)));
  }),
  trade("POST /v3/orderexecution/ordergroupconfirm", ({ request, owner }) => {
    const { orders } = parseOrderGroup(readBody(request), owner);
    return confirmResponse(orders.flatMap(withSent));
  }),
  trade("POST /v3/orderexecution/ordergroups", placeGroupResponse),
  trade("POST /v3/orderexecution/orders", placeResponse),
  trade("PUT /v3/orderexecution/orders/*", replaceResponse),
  trade("DELETE /v3/orderexecution/orders/*", (call) => {
    const order = openOrderOf(call);
    call.book.cancel(`${order["OrderID"]}`);
    return jsonResponse(200, { ...cancelled, OrderID: order["OrderID"] });
  }),
];

function read(
  route: string,
  query: readonly string[],
  handle: (call: Call) => EmulatedResponse,
): Endpoint {
  return { route: new Route(route), scope: "ReadAccount", query, handle };
}

function trade(route: string, handle: (call: Call) => EmulatedResponse): Endpoint {
  return { route: new Route(route), scope: "Trade", handle };
}

/** The day, as `2026-01-13`, from one of the four documented formats. */
function sinceOf({ query }: Call): string {
  const text = query.get("since") ?? "";
  const [, y1, m1, d1] = /^(\d{4})[-/](\d\d)[-/](\d\d)$/.exec(text) ?? [];
  const [, m2, d2, y2] = /^(\d\d)[-/](\d\d)[-/](\d{4})$/.exec(text) ?? [];
  const day = `${y1 ?? y2}-${m1 ?? m2}-${d1 ?? d2}`;
  // The requirement and the limit are documented; the responses are UNCONFIRMED.
  if (Number.isNaN(Date.parse(day))) throw new RequestError(errorResponse(400, "since is invalid"));
  if (Date.now() - Date.parse(day) > (MOST_DAYS + 1) * DAY_MS) {
    throw new RequestError(errorResponse(400, `since is limited to ${MOST_DAYS} days`));
  }
  return day;
}

/** Orders by id. Each unknown one is an error for each account, with a message that is UNCONFIRMED. */
function selectedResponse(call: Call): EmulatedResponse {
  const ids = listOf(call.parameters[1], MOST_IDS);
  const { found, errors } = collectAccounts(call, (accountId) => {
    const orders = call.book.ofAccount(accountId);
    return ids.map((id) =>
      orders.find((order) => order["OrderID"] === id) ??
        { AccountID: accountId, OrderID: id, Error: "NotFound", Message: "Order not found." }
    );
  });
  const isError = (item: JsonObject) => "Error" in item;
  return jsonResponse(200, {
    Orders: found.filter((item) => !isError(item)),
    Errors: [...errors, ...found.filter(isError)],
  });
}

/** One confirmation for each order. */
function confirmResponse(forms: readonly OrderForm[]): EmulatedResponse {
  return jsonResponse(200, { Confirmations: forms.map(confirmationOf) });
}

function confirmationOf(form: OrderForm): JsonObject {
  const [recorded] = confirmed.Confirmations;
  const isOptionOrder = form.legs.some(({ symbol }) =>
    instrumentOf(symbol).assetType === "STOCKOPTION"
  );
  const price = form.limitPrice ?? form.stopPrice ?? MARKET_PRICE;
  const { units, multiplier } = new ExchangeOrder(orderTerms(form), { liveAt: 0 });
  const cost = Decimal.from(price)
    .times(units)
    .times(multiplier)
    .toString();
  return {
    ...recorded,
    // The other category is UNCONFIRMED.
    OrderAssetCategory: isOptionOrder ? "OPTION" : recorded?.OrderAssetCategory,
    DisplayName: form.accountId,
    Route: form.route,
    TimeInForce: { Duration: form.duration, Expiration: form.expiration },
    AccountID: form.accountId,
    OrderConfirmID: Buffer.from(randomUUID().replaceAll("-", ""), "hex")
      .toString("base64").replace(/=+$/, ""),
    EstimatedPrice: price,
    EstimatedCost: cost,
    DebitCreditEstimatedCost: cost,
    SummaryMessage: summaryOf(form),
  };
}

/** The response is a success even if the order fails. */
function placeResponse({ request, owner, book }: Call): EmulatedResponse {
  const form = parseOrderForm(readBody(request), owner);
  return refusalOf([form], book) ?? placedResponse(book.place(form));
}

/** Several orders of which one may end the others. */
function placeGroupResponse({ request, owner, book }: Call): EmulatedResponse {
  const group = parseOrderGroup(readBody(request), owner);
  return refusalOf(group.orders, book) ?? placedResponse(book.placeGroup(group));
}

function placedResponse(placed: readonly PlacedOrder[]): EmulatedResponse {
  return jsonResponse(200, {
    Orders: placed.map(({ id, form }) => ({
      Message: `Sent order: ${summaryOf(form)}`,
      OrderID: id,
    })),
  });
}

/** Nothing is placed if one of the orders is refused; whether that is so there is UNCONFIRMED. */
function refusalOf(forms: readonly OrderForm[], book: OrderBook): EmulatedResponse | undefined {
  const all = forms.flatMap(withSent);
  if (all.some(({ limitPrice }) => isTooHigh(limitPrice))) {
    return failedResponse(`${placed.Errors[0]?.Message}`, book.nextId());
  }
  const isRepeated = all.some(({ confirmId }) =>
    confirmId !== undefined && !book.confirm(confirmId)
  );
  // It must be unique, as documented; the response is UNCONFIRMED.
  return isRepeated
    ? failedResponse("Order failed. Reason: Duplicate OrderConfirmID", book.nextId())
    : undefined;
}

function withSent(form: OrderForm): readonly OrderForm[] {
  return [form, ...form.sends.flatMap(({ orders }) => orders.flatMap(withSent))];
}

function isTooHigh(limitPrice: string | undefined): boolean {
  return limitPrice !== undefined && HIGHEST_PRICE.isBelow(Decimal.from(limitPrice));
}

function failedResponse(message: string, id: string): EmulatedResponse {
  return jsonResponse(200, { Errors: [{ Error: "FAILED", Message: message, OrderID: id }] });
}

function replaceResponse(call: Call): EmulatedResponse {
  const order = openOrderOf(call);
  const body = readBody(call.request);
  checkFields(body, ["Quantity", "LimitPrice", "StopPrice", "OrderType", "AdvancedOptions"]);
  if (Object.keys(body).length === 0) throw new Unserved("a replacement without any change");
  const id = `${order["OrderID"]}`;
  const given = (name: string) => body[name] === undefined ? undefined : amountOf(body, name);
  const orderType = body["OrderType"] === undefined
    ? undefined
    : wordOf(body, "OrderType", ORDER_TYPES);
  const isMarket = orderType === "Market";
  if (orderType !== undefined && !isMarket) {
    throw new Unserved(`a replacement with the order type ${orderType}`);
  }
  const changes = {
    orderType,
    limitPrice: given("LimitPrice"),
    stopPrice: given("StopPrice"),
    trailingStop: trailingStopOf(body),
  };
  const kept = Object.fromEntries(
    Object.entries(changes).filter(([, value]) => value !== undefined),
  );
  const quantity = given("Quantity");
  const legs = order["Legs"];
  if (quantity !== undefined && Array.isArray(legs) && legs.length > 1) {
    throw new Unserved("another quantity of an order with several legs");
  }
  const dropped = isMarket ? NO_PRICES : {};
  call.book.replace(id, { ...kept, ...dropped }, quantity);
  return jsonResponse(200, { ...replaced, OrderID: id });
}

/** The first message is of QuantConnect's Lean #89; the statuses and the other message are UNCONFIRMED. */
function openOrderOf({ parameters: [id], book }: Call): JsonObject {
  const order = book.find(id);
  if (order === undefined) throw new RequestError(errorResponse(404, "Invalid order ID."));
  if (order["ClosedDateTime"] === undefined) return order;
  throw new RequestError(errorResponse(400, "Not an open order."));
}

/** Market and stop orders are as recorded; the others are made like them. */
function summaryOf({ legs, orderType, limitPrice, stopPrice, trailingStop }: OrderForm): string {
  const what = legs.map(({ symbol, quantity, action }) => {
    return `${action.startsWith("BUY") ? "Buy" : "Sell"} ${quantity} ${symbol}`;
  });
  const stop = stopPrice ??
    (trailingStop &&
      ("Percent" in trailingStop
        ? `${trailingStop.Percent}% Trailing`
        : `${trailingStop.Amount} Trailing`));
  const terms: Readonly<Record<string, string>> = {
    "Limit": `${limitPrice} Limit`,
    "Market": "Market",
    "StopLimit": `${stop} Stop ${limitPrice} Limit`,
    "StopMarket": `${stop} Stop Market`,
  };
  return `${what.join(", ")} @ ${terms[orderType]}`;
}
