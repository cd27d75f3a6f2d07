import { isJsonObject, type JsonObject, parseJsonObject } from "../response.ts";
import { Decimal } from "../decimal.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { isAccount } from "./account_list.ts";
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
];
const LEG_FIELDS = ["Symbol", "Quantity", "TradeAction"];

/** The prices that an order type needs. */
const PRICES: Readonly<Record<string, readonly string[]>> = {
  "Limit": ["LimitPrice"],
  "Market": [],
  "StopLimit": ["StopPrice", "LimitPrice"],
  "StopMarket": ["StopPrice"],
};

/** A checked order, as requested. */
export interface OrderForm {
  readonly accountId: string;
  readonly symbol: string;
  readonly quantity: string;
  readonly orderType: string;
  /** In capitals, for instance `BUYTOOPEN`. */
  readonly tradeAction: string;
  readonly duration: string;
  readonly expiration: string | undefined;
  readonly limitPrice: string | undefined;
  readonly stopPrice: string | undefined;
  readonly route: string;
  readonly confirmId: string | undefined;
  readonly legs: readonly JsonObject[];
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
  environment: "production" | "sandbox",
): OrderForm {
  checkFields(body, FIELDS);
  const timeInForce = isJsonObject(body["TimeInForce"]) ? body["TimeInForce"] : {};
  checkFields(timeInForce, ["Duration", "Expiration"], "TimeInForce.");
  const legs = Array.isArray(body["Legs"]) ? body["Legs"].filter(isJsonObject) : [];
  for (const [i, leg] of legs.entries()) checkFields(leg, LEG_FIELDS, `Legs[${i}].`);
  const orderType = wordOf(body, "OrderType", Object.keys(PRICES));
  const prices = PRICES[orderType] ?? [];
  const form: OrderForm = {
    // The documentation's option order has AccountId.
    accountId: textOf({ AccountID: body["AccountID"] ?? body["AccountId"] }, "AccountID"),
    symbol: textOf(body, "Symbol"),
    quantity: amountOf(body, "Quantity"),
    orderType,
    tradeAction: wordOf(body, "TradeAction", TRADE_ACTIONS),
    duration: wordOf(timeInForce, "Duration", DURATIONS),
    expiration: optionalOf(timeInForce, "Expiration"),
    limitPrice: prices.includes("LimitPrice") ? amountOf(body, "LimitPrice") : undefined,
    stopPrice: prices.includes("StopPrice") ? amountOf(body, "StopPrice") : undefined,
    route: optionalOf(body, "Route") ?? "Intelligent",
    confirmId: optionalOf(body, "OrderConfirmID"),
    legs,
  };
  if ((form.confirmId?.length ?? 0) > 22) throw invalid("OrderConfirmID");
  if (!isAccount(form.accountId, environment)) {
    throw new RequestError(tradestationFaults.invalidAccount);
  }
  return form;
}

/** An amount in a body, as a string. A JSON number is refused, because money is always a string. */
export function amountOf(body: JsonObject, name: string): string {
  const text = textOf(body, name);
  if (!Decimal.isDecimal(text) || !Decimal.from(text).isPositive) throw invalid(name);
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

/** Reads one of some words. Case is ignored, because the documentation mixes it. */
function wordOf(body: JsonObject, name: string, words: readonly string[]): string {
  const text = textOf(body, name);
  const word = words.find((word) => word.toLowerCase() === text.toLowerCase());
  if (word === undefined) throw invalid(name);
  return word;
}

function optionalOf(body: JsonObject, name: string): string | undefined {
  // "Blank fields may be null or omitted."
  return body[name] === undefined || body[name] === null ? undefined : textOf(body, name);
}

function invalid(name: string): RequestError {
  return new RequestError(errorResponse(400, `${name} is invalid`));
}
