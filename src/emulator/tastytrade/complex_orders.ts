/**
 * Complex orders: of an `OCO` one order ends the others, an `OTO` sends orders when its trigger is filled, and
 * an `OTOCO` sends an `OCO`.
 */

import { Route } from "../route.ts";
import { type EmulatedResponse, isJsonObject, type JsonObject } from "../response.ts";
import { checkFields, Unserved } from "../unserved.ts";
import type { ComplexForm, ComplexType } from "./complex_order.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse, errorResponse, unknownResponse, validationResponse } from "./envelope.ts";
import { RequestError } from "../request_error.ts";
import { checkOrderFields, checkOrderForm, readJson } from "./order_form.ts";
import { PAGE, pageOf } from "./pagination.ts";
import { meansOf, preflight } from "./preflight.ts";
import dryRun from "./recordings/order_dry_run.json" with { type: "json" };

const LIMITS = { defaultPerPage: 100, maxPerPage: 200 };
const TYPES: readonly ComplexType[] = ["OCO", "OTO", "OTOCO"];
/** These are documented too. */
const UNSERVED_TYPES = ["PAIRS", "BLAST"];

/** Complex orders: place, check, list, cancel. */
export const complexOrderEndpoints: readonly Endpoint[] = [
  {
    route: new Route("POST /accounts/*/complex-orders"),
    scope: "trade",
    handle: (call) => {
      const form = readComplexForm(call);
      const effect = effectOf(form, call);
      const [account = ""] = call.parameters;
      return placedResponse(call.book.placeComplex(account, form), effect, call);
    },
  },
  {
    route: new Route("POST /accounts/*/complex-orders/dry-run"),
    scope: "trade",
    handle: (call) => {
      const form = readComplexForm(call);
      const [account = ""] = call.parameters;
      return placedResponse(call.book.dryRunComplex(account, form), effectOf(form, call), call);
    },
  },
  {
    route: new Route("GET /accounts/*/complex-orders"),
    scope: "read",
    query: PAGE,
    handle: listResponse,
  },
  {
    route: new Route("GET /accounts/*/complex-orders/live"),
    scope: "read",
    query: PAGE,
    handle: listResponse, // none is older than the emulator
  },
  {
    route: new Route("GET /accounts/*/complex-orders/*"),
    scope: "read",
    handle: (call) => dataResponse(complexOrderOf(call), call.context),
  },
  {
    route: new Route("DELETE /accounts/*/complex-orders/*"),
    scope: "trade",
    handle: (call) => {
      const order = complexOrderOf(call);
      const cancelled = call.book.cancelComplex(order["id"]);
      if (cancelled !== undefined) return dataResponse(cancelled, call.context);
      return errorResponse(422, "cannot_update_order", "the order could not be cancelled");
    },
  },
];

function readComplexForm({ request }: Call): ComplexForm {
  const form = readJson(request);
  checkFields(form, ["type", "orders", "trigger-order", "source"]);
  const type = TYPES.find((type) => type === form["type"]);
  if (UNSERVED_TYPES.includes(`${form["type"]}`)) {
    throw new Unserved(`the complex order type ${form["type"]}`);
  }
  if (type === undefined) throw invalid("type", form["type"]);
  const orders = Array.isArray(form["orders"]) ? form["orders"].filter(isJsonObject) : [];
  const trigger = isJsonObject(form["trigger-order"]) ? form["trigger-order"] : undefined;
  if (orders.length < (type === "OTO" ? 1 : 2)) throw invalid("orders", form["orders"]);
  if ((trigger === undefined) !== (type === "OCO")) throw invalid("trigger-order", undefined);
  for (const order of [...orders, ...(trigger === undefined ? [] : [trigger])]) {
    checkOrderFields(order);
    checkOrderForm(order);
  }
  return { type, trigger, orders };
}

/** That of the order which works first; which one the service takes is UNCONFIRMED. */
function effectOf({ trigger, orders }: ComplexForm, call: Call): JsonObject {
  return preflight(trigger ?? orders[0] ?? {}, meansOf(call));
}

function placedResponse(
  complexOrder: JsonObject,
  effect: JsonObject,
  { context }: Call,
): EmulatedResponse {
  const data = {
    "complex-order": complexOrder,
    "buying-power-effect": effect,
    "fee-calculation": dryRun.data["fee-calculation"],
    "warnings": [],
  };
  return dataResponse(data, context, { status: 201 });
}

function listResponse({ parameters: [account = ""], query, context, book }: Call) {
  const { items, pagination } = pageOf(book.complexOf(account), query, LIMITS);
  return dataResponse({ items }, context, { pagination });
}

function complexOrderOf({ parameters: [account = "", id], book }: Call): JsonObject {
  const found = book.complexOf(account).find((order) => `${order["id"]}` === id);
  if (found === undefined) throw new RequestError(unknownResponse(`complex order ${id}`));
  return found;
}

/** The form is recorded; the second reason is UNCONFIRMED. */
function invalid(domain: string, value: unknown): RequestError {
  const reason = value === undefined ? "is missing" : "does not have a valid value";
  return new RequestError(validationResponse([{ domain, reason }]));
}
