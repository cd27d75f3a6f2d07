import { isJsonObject, type JsonObject, parseJsonObject } from "../response.ts";
import { Decimal } from "../decimal.ts";
import type { ReceivedRequest } from "../received_request.ts";
import { errorResponse, type ValidationError, validationResponse } from "./envelope.ts";
import { RequestError } from "../request_error.ts";
import { checkFields } from "../unserved.ts";
import { conditionsOf } from "./order_rules.ts";

const ORDER_TYPES = [
  "Limit",
  "Market",
  "Marketable Limit",
  "Notional Market",
  "Stop",
  "Stop Limit",
];
const TIMES_IN_FORCE = [
  "Day",
  "Ext",
  "Ext Overnight",
  "GTC",
  "GTC Ext",
  "GTC Ext Overnight",
  "GTD",
  "IOC",
];
const INSTRUMENT_TYPES = [
  "Cryptocurrency",
  "Equity",
  "Equity Option",
  "Future",
  "Future Option",
];
const ACTIONS = ["Buy to Open", "Buy to Close", "Sell to Open", "Sell to Close", "Buy", "Sell"];
const EFFECTS = ["Debit", "Credit"];

/** The fields of an order that are read or kept. */
const FIELDS = [
  "time-in-force",
  "gtc-date",
  "order-type",
  "price",
  "price-effect",
  "stop-trigger",
  "value",
  "value-effect",
  "legs",
  "rules",
  "source",
  "external-identifier",
  // tastyware's package sends it with each order, for a paper trading service. The broker does not know it.
  "behavior",
];
/** The fields of a leg that are read. */
export const LEG_FIELDS: readonly string[] = ["instrument-type", "symbol", "quantity", "action"];

/** The fields about an order's price. */
const TERMS = ["price", "price-effect", "stop-trigger", "value", "value-effect"];

/** The fields that an order type needs. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  "Limit": ["price", "price-effect"],
  "Marketable Limit": ["price", "price-effect"],
  "Stop Limit": ["price", "price-effect", "stop-trigger"],
  "Stop": ["stop-trigger"],
  "Notional Market": ["value", "value-effect"],
};

/**
 * Reads the body of an order request.
 *
 * @throws {RequestError} If it is not a JSON object.
 * @throws {Unserved} If it has a field that is not modelled.
 */
export function readOrderForm(request: ReceivedRequest): JsonObject {
  const form = readJson(request);
  checkOrderFields(form);
  return form;
}

/** Refuses the fields of an order that are not modelled. */
export function checkOrderFields(form: JsonObject): void {
  checkFields(form, FIELDS);
  conditionsOf(form);
  for (const [i, leg] of legsOf(form).entries()) checkFields(leg, LEG_FIELDS, `legs[${i}].`);
}

/**
 * Reads a JSON body.
 *
 * @throws {RequestError} If it is not a JSON object.
 */
export function readJson({ headers, body }: ReceivedRequest): JsonObject {
  // Status and message of both refusals are UNCONFIRMED.
  if (!/^application\/json\b/i.test(headers["content-type"] ?? "")) {
    throw new RequestError(
      errorResponse(415, "unsupported_media_type", "Content type is not supported"),
    );
  }
  const form = parseJsonObject(body);
  if (form === undefined) {
    throw new RequestError(
      errorResponse(400, "malformed_request", "Request body is not valid JSON"),
    );
  }
  return form;
}

/**
 * Checks that an order is complete and has known values. The format of the errors is recorded, and so is
 * "is missing"; the other reasons are UNCONFIRMED.
 *
 * @throws {RequestError} If it is not.
 */
export function checkOrderForm(form: JsonObject): void {
  const complaints = [
    ...checkWord(form, "time-in-force", TIMES_IN_FORCE),
    ...checkWord(form, "order-type", ORDER_TYPES),
    ...checkTerms(form),
    ...(form["time-in-force"] === "GTD" ? checkWord(form, "gtc-date") : []),
    ...checkLegs(form),
  ];
  if (complaints.length > 0) throw new RequestError(validationResponse(complaints));
}

/** The legs of an order, or nothing. */
export function legsOf(form: JsonObject): readonly JsonObject[] {
  const legs = form["legs"];
  return Array.isArray(legs) ? legs.filter(isJsonObject) : [];
}

function checkLegs(form: JsonObject): readonly ValidationError[] {
  const legs = legsOf(form);
  if (legs.length === 0) return [{ domain: "legs", reason: "is missing" }];
  return legs.flatMap((leg, index) => {
    const prefix = `legs[${index}].`;
    return [
      ...checkWord(leg, "instrument-type", INSTRUMENT_TYPES, prefix),
      ...checkWord(leg, "symbol", undefined, prefix),
      ...checkWord(leg, "action", ACTIONS, prefix),
      // A notional order has an amount of money and no quantity.
      ...(form["order-type"] === "Notional Market" ? [] : checkAmount(leg, "quantity", prefix)),
    ];
  });
}

/** Checks the prices that the order type needs, and any other price that is given. */
function checkTerms(form: JsonObject): readonly ValidationError[] {
  const type = `${form["order-type"]}`;
  const needed = Object.hasOwn(NEEDS, type) ? NEEDS[type] ?? [] : [];
  const given = TERMS.filter((name) => form[name] !== undefined && form[name] !== null);
  return [...new Set([...needed, ...given])].flatMap((name) => checkTerm(form, name));
}

function checkTerm(form: JsonObject, name: string): readonly ValidationError[] {
  return name.endsWith("-effect") ? checkWord(form, name, EFFECTS) : checkAmount(form, name);
}

function checkWord(
  object: JsonObject,
  name: string,
  words?: readonly string[],
  prefix = "",
): readonly ValidationError[] {
  const value = object[name];
  if (value === undefined || value === null || value === "") return missing(prefix + name);
  const isKnown = typeof value === "string" && (words?.includes(value) ?? true);
  return isKnown ? [] : invalid(prefix + name);
}

/** Amounts are strings in the documentation; JSON numbers occur too. */
function checkAmount(object: JsonObject, name: string, prefix = ""): readonly ValidationError[] {
  const value = object[name];
  if (value === undefined || value === null || value === "") return missing(prefix + name);
  const isAmount = Decimal.isDecimal(value) && Decimal.from(value).isPositive;
  return isAmount ? [] : invalid(prefix + name);
}

function missing(domain: string): readonly ValidationError[] {
  return [{ domain, reason: "is missing" }];
}

function invalid(domain: string): readonly ValidationError[] {
  return [{ domain, reason: "does not have a valid value" }];
}
