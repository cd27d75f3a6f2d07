import { isJsonObject, type Json, type JsonObject, parseJsonObject } from "../response.ts";
import { Decimal } from "../decimal.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { isAccount, type Owner } from "./account_list.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";
import { checkFields } from "../unserved.ts";
import { tradestationFaults } from "./faults.ts";

const TRADE_ACTIONS = [
  "BUY",
  "SELL",
  "BUYTOCOVER",
  "SELLSHORT",
  "BUYTOOPEN",
  "BUYTOCLOSE",
  "SELLTOOPEN",
  "SELLTOCLOSE",
];
const DURATIONS = [
  "DAY",
  "DYP",
  "GTC",
  "GCP",
  "GTD",
  "GDP",
  "OPG",
  "CLO",
  "IOC",
  "FOK",
  "1",
  "3",
  "5",
];

/** The fields of an order that are read. */
const FIELDS = [
  "AccountID",
  "AccountId",
  "Symbol",
  "Quantity",
  "OrderType",
  "TradeAction",
  "TimeInForce",
  "LimitPrice",
  "StopPrice",
  "Route",
  "OrderConfirmID",
  "Legs",
  "AdvancedOptions",
  "OSOs",
];
const LEG_FIELDS = ["Symbol", "Quantity", "TradeAction"];

/** `NORMAL` orders are independent; of an `OCO` or a bracket, one ends the others. */
const GROUP_TYPES = ["NORMAL", "OCO", "BRK"] as const;

/** The prices that an order type needs. */
const PRICES: Readonly<Record<string, readonly string[]>> = {
  "Limit": ["LimitPrice"],
  "Market": [],
  "StopLimit": ["StopPrice", "LimitPrice"],
  "StopMarket": ["StopPrice"],
};

/** The order types. */
export const ORDER_TYPES: readonly string[] = Object.keys(PRICES);

/** One leg of a checked order. */
export interface FormLeg {
  readonly symbol: string;
  readonly quantity: string;
  /** In capitals, for instance `BUYTOOPEN`. */
  readonly action: string;
}

/** How far a stop follows the price. */
export type TrailingStop = { readonly Amount: string } | { readonly Percent: string };

/** A checked order, as requested. */
export interface OrderForm {
  readonly accountId: string;
  readonly legs: readonly FormLeg[];
  readonly orderType: string;
  readonly duration: string;
  readonly expiration: string | undefined;
  readonly limitPrice: string | undefined;
  readonly stopPrice: string | undefined;
  readonly trailingStop: TrailingStop | undefined;
  readonly route: string;
  readonly confirmId: string | undefined;
  /** The orders that it sends when it is filled. */
  readonly sends: readonly OrderGroup[];
}

/** Orders that belong together. */
export interface OrderGroup {
  readonly type: typeof GROUP_TYPES[number];
  readonly orders: readonly OrderForm[];
}

/**
 * Reads the body of an order request.
 *
 * @throws {RequestError} If it is not a JSON object. Status and message are UNCONFIRMED.
 */
export function readBody({ headers, body }: ReceivedRequest): JsonObject {
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    throw new RequestError(errorResponse(400, "Content type must be application/json"));
  }
  const form = parseJsonObject(body);
  if (form === undefined) {
    throw new RequestError(errorResponse(400, "Request body is not valid JSON"));
  }
  return form;
}

/**
 * Checks that an order is complete, has known values, and is for an account of the user.
 *
 * @throws {RequestError} If it is not. The messages of 400 are UNCONFIRMED.
 */
export function parseOrderForm(
  body: JsonObject,
  owner: Owner,
): OrderForm {
  checkFields(body, FIELDS);
  const timeInForce = objectOf(body["TimeInForce"]);
  checkFields(timeInForce, ["Duration", "Expiration"], "TimeInForce.");
  // The documentation's option order has AccountId.
  const accountId = textOf({ AccountID: body["AccountID"] ?? body["AccountId"] }, "AccountID");
  const orderType = wordOf(body, "OrderType", ORDER_TYPES);
  const trailingStop = trailingStopOf(body);
  const prices = PRICES[orderType] ?? [];
  // A limit of several legs may be below 0: what the order brings.
  const legs = legsOf(body);
  const limitOf = legs.length > 1 ? signedAmountOf : amountOf;
  const hasStop = prices.includes("StopPrice") && trailingStop === undefined;
  const form: OrderForm = {
    accountId,
    legs,
    orderType,
    duration: wordOf(timeInForce, "Duration", DURATIONS),
    expiration: optionalOf(timeInForce, "Expiration"),
    limitPrice: prices.includes("LimitPrice") ? limitOf(body, "LimitPrice") : undefined,
    stopPrice: hasStop ? amountOf(body, "StopPrice") : undefined,
    trailingStop,
    route: optionalOf(body, "Route") ?? "Intelligent",
    confirmId: optionalOf(body, "OrderConfirmID"),
    sends: objectsOf(body["OSOs"]).map((group) => parseOrderGroup(group, owner, "OSOs[].")),
  };
  if ((form.confirmId?.length ?? 0) > 22) throw invalid("OrderConfirmID");
  if (!isAccount(form.accountId, owner)) {
    throw new RequestError(tradestationFaults.invalidAccount);
  }
  return form;
}

/**
 * Checks a group of orders.
 *
 * @param path Where it stands in the body.
 * @throws {RequestError} If it is empty, or one of its orders is not good.
 */
export function parseOrderGroup(
  body: JsonObject,
  owner: Owner,
  path = "",
): OrderGroup {
  checkFields(body, ["Type", "Orders"], path);
  const word = wordOf(body, "Type", GROUP_TYPES);
  const type = GROUP_TYPES.find((type) => type === word) ?? "NORMAL";
  const orders = objectsOf(body["Orders"]).map((order) => parseOrderForm(order, owner));
  if (orders.length === 0) throw new RequestError(errorResponse(400, "Orders is required"));
  return { type, orders };
}

/** An amount in a body, as a string. A JSON number is refused, because money is always a string. */
export function amountOf(body: JsonObject, name: string): string {
  const text = signedAmountOf(body, name);
  if (!Decimal.from(text).isPositive) throw invalid(name);
  return text;
}

/** Reads one of some words. Case is ignored, because the documentation mixes it. */
export function wordOf(body: JsonObject, name: string, words: readonly string[]): string {
  const text = textOf(body, name);
  const word = words.find((word) => word.toLowerCase() === text.toLowerCase());
  if (word === undefined) throw invalid(name);
  return word;
}

/** An order without legs has one of its own symbol. */
function legsOf(body: JsonObject): readonly FormLeg[] {
  const legs = objectsOf(body["Legs"]);
  for (const [i, leg] of legs.entries()) checkFields(leg, LEG_FIELDS, `Legs[${i}].`);
  return (legs.length > 0 ? legs : [body]).map((leg) => ({
    symbol: textOf(leg, "Symbol"),
    // The published samples have numbers in legs.
    quantity: amountOf(
      legs.length > 0 ? { ...leg, Quantity: `${leg["Quantity"] ?? ""}` } : leg,
      "Quantity",
    ),
    action: wordOf(leg, "TradeAction", TRADE_ACTIONS),
  }));
}

/** The only one of the advanced options that is modelled. */
export function trailingStopOf(body: JsonObject): TrailingStop | undefined {
  const options = objectOf(body["AdvancedOptions"]);
  checkFields(options, ["TrailingStop"], "AdvancedOptions.");
  const trailing = objectOf(options["TrailingStop"]);
  checkFields(trailing, ["Amount", "Percent"], "AdvancedOptions.TrailingStop.");
  if (trailing["Amount"] !== undefined) return { Amount: amountOf(trailing, "Amount") };
  return trailing["Percent"] === undefined ? undefined : { Percent: amountOf(trailing, "Percent") };
}

function signedAmountOf(body: JsonObject, name: string): string {
  const text = textOf(body, name);
  if (!Decimal.isDecimal(text)) throw invalid(name);
  return text;
}

function textOf(body: JsonObject, name: string): string {
  const value = body[name];
  if (value === undefined || value === null || value === "") {
    throw new RequestError(errorResponse(400, `${name} is required`));
  }
  if (typeof value !== "string") throw invalid(name);
  return value;
}

function optionalOf(body: JsonObject, name: string): string | undefined {
  // "Blank fields may be null or omitted."
  return body[name] === undefined || body[name] === null ? undefined : textOf(body, name);
}

function objectOf(value: Json): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectsOf(value: Json): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function invalid(name: string): RequestError {
  return new RequestError(errorResponse(400, `${name} is invalid`));
}
