import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Decimal } from "../decimal.ts";
import { Route } from "../route.ts";
import { collectAccounts } from "./accounts.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import { checkFields, Unserved } from "../unserved.ts";
import { listOf } from "./list.ts";
import { isOption } from "./order_book.ts";
import { amountOf, type OrderForm, parseOrderForm, readBody } from "./order_form.ts";
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
const SHARES_PER_CONTRACT = "100";
// The refusal is recorded, the maximum is invented.
const HIGHEST_PRICE = Decimal.from("1000000");

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
  trade("POST /v3/orderexecution/orderconfirm", ({ request, environment }) => {
    return confirmResponse(parseOrderForm(readBody(request), environment));
  }),
  trade("POST /v3/orderexecution/orders", placeResponse),
  trade("PUT /v3/orderexecution/orders/*", replaceResponse),
  trade("DELETE /v3/orderexecution/orders/*", (call) => {
    const order = openOrderOf(call);
    call.book.cancel(order);
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

function confirmResponse(form: OrderForm): EmulatedResponse {
  const isOptionOrder = form.legs.some((leg) => isOption(leg["Symbol"])) || isOption(form.symbol);
  const price = form.limitPrice ?? form.stopPrice ?? MARKET_PRICE;
  const cost = Decimal.from(price)
    .times(Decimal.from(form.quantity))
    .times(Decimal.from(isOptionOrder ? SHARES_PER_CONTRACT : "1"))
    .toString();
  return jsonResponse(200, {
    Confirmations: confirmed.Confirmations.map((recorded) => ({
      ...recorded,
      // The other category is UNCONFIRMED.
      OrderAssetCategory: isOptionOrder ? "OPTION" : recorded.OrderAssetCategory,
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
    })),
  });
}

/** The response is a success even if the order fails. */
function placeResponse({ request, environment, book }: Call): EmulatedResponse {
  const form = parseOrderForm(readBody(request), environment);
  const refused = refusalOf(form);
  if (refused !== undefined) return failedResponse(refused, book.nextId());
  if (form.confirmId !== undefined && !book.confirm(form.confirmId)) {
    // It must be unique, as documented; the response is UNCONFIRMED.
    return failedResponse("Order failed. Reason: Duplicate OrderConfirmID", book.nextId());
  }
  const id = book.place(form);
  return jsonResponse(200, {
    Orders: [{ Message: `Sent order: ${summaryOf(form)}`, OrderID: id }],
  });
}

function refusalOf({ limitPrice }: OrderForm): string | undefined {
  const isTooHigh = limitPrice !== undefined &&
    Decimal.from(limitPrice).minus(HIGHEST_PRICE).isPositive;
  return isTooHigh ? placed.Errors[0]?.Message : undefined;
}

function failedResponse(message: string, id: string): EmulatedResponse {
  return jsonResponse(200, { Errors: [{ Error: "FAILED", Message: message, OrderID: id }] });
}

function replaceResponse(call: Call): EmulatedResponse {
  const order = openOrderOf(call);
  const body = readBody(call.request);
  checkFields(body, ["Quantity", "LimitPrice", "StopPrice"]);
  if (Object.keys(body).length === 0) throw new Unserved("a replacement without any change");
  const terms = ["LimitPrice", "StopPrice"].flatMap((name) =>
    body[name] === undefined ? [] : [[name, amountOf(body, name)] as const]
  );
  const quantity = body["Quantity"] === undefined ? undefined : amountOf(body, "Quantity");
  call.book.replace(order, Object.fromEntries(terms), quantity);
  return jsonResponse(200, { ...replaced, OrderID: order["OrderID"] });
}

/** Status and message of both refusals are UNCONFIRMED. */
function openOrderOf({ parameters: [id], book }: Call): JsonObject {
  const order = book.find(id);
  if (order === undefined) throw new RequestError(errorResponse(404, "Order not found."));
  if (order["ClosedDateTime"] === undefined) return order;
  throw new RequestError(errorResponse(400, "Not an open order."));
}

/** Market and stop orders are as recorded; the two with a limit are made like them. */
function summaryOf(form: OrderForm): string {
  const verb = form.tradeAction.startsWith("BUY") ? "Buy" : "Sell";
  const terms: Readonly<Record<string, string>> = {
    "Limit": `${form.limitPrice} Limit`,
    "Market": "Market",
    "StopLimit": `${form.stopPrice} Stop ${form.limitPrice} Limit`,
    "StopMarket": `${form.stopPrice} Stop Market`,
  };
  return `${verb} ${form.quantity} ${form.symbol} @ ${terms[form.orderType]}`;
}
