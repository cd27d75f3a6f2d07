/** Margin: what an account must keep, what a symbol requires, and what an order would change. */

import { type EmulatedResponse, type JsonObject, jsonResponse } from "../response.ts";
import { Route } from "../route.ts";
import { checkFields } from "../unserved.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse } from "./envelope.ts";
import { equityOf } from "./instruments.ts";
import { checkOrderForm, LEG_FIELDS, legsOf, readJson } from "./order_form.ts";
import { effectOn, meansOf } from "./preflight.ts";
import effective from "./recordings/margin_effective.json" with { type: "json" };

/** The fields of a margin requirement's order that are read. */
const FIELDS = [
  "account-number",
  "underlying-symbol",
  "order-type",
  "time-in-force",
  "gtc-date",
  "price",
  "price-effect",
  "stop-trigger",
  "legs",
];

/** Margin requirements. */
export const marginEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /margin/accounts/*/requirements"),
    scope: "read",
    handle: ({ parameters: [number = ""], context, book }) =>
      dataResponse(reportOf(number, book.holdings.balanceOf(number)), context),
  },
  {
    route: new Route("POST /margin/accounts/*/dry-run"),
    scope: "trade",
    handle: dryRunResponse,
  },
  {
    route: new Route("GET /accounts/*/margin-requirements/*/effective"),
    scope: "read",
    handle: ({ parameters: [, symbol = ""], context }) => {
      // Recorded for AAPL; that others have the same is an assumption.
      return dataResponse({ ...effective.data, "underlying-symbol": nameOf(symbol) }, context);
    },
  },
  {
    route: new Route("GET /margin-requirements-public-configuration"),
    scope: "public",
    // The field and its form are documented, with this value.
    handle: ({ context }) => dataResponse({ "risk-free-rate": "0.0525" }, context),
  },
];

/** What an order would change. The path and the fields are documented; the answer is that of an order's dry run. */
function dryRunResponse(call: Call): EmulatedResponse {
  const form = readJson(call.request);
  checkFields(form, FIELDS);
  for (const [i, leg] of legsOf(form).entries()) {
    checkFields(leg, [...LEG_FIELDS, "remaining-quantity"], `legs[${i}].`);
  }
  checkOrderForm(form);
  const { effect, isAffordable } = effectOn(form, meansOf(call));
  const data = { ...effect, "sufficient": isAffordable };
  return jsonResponse(200, { data, context: call.context });
}

function nameOf(symbol: string): string {
  return `${equityOf(symbol)["symbol"]}`;
}

/** The fields that the Python packages read; the report for each position is not modelled. */
function reportOf(accountNumber: string, balance: JsonObject): JsonObject {
  const amounts: Readonly<Record<string, string>> = {
    "margin-requirement": "reg-t-margin-requirement",
    "initial-requirement": "reg-t-margin-requirement",
    "maintenance-requirement": "maintenance-requirement",
    "margin-equity": "margin-equity",
    "option-buying-power": "derivative-buying-power",
    "reg-t-margin-requirement": "reg-t-margin-requirement",
    "reg-t-option-buying-power": "derivative-buying-power",
    "maintenance-excess": "maintenance-excess",
  };
  return {
    "account-number": accountNumber,
    "description": "Total",
    "margin-calculation-type": "Reg T",
    "option-level": "No Restrictions",
    ...Object.fromEntries(
      Object.entries(amounts).flatMap(([name, field]) => [
        [name, balance[field]],
        [`${name}-effect`, name.endsWith("requirement") ? "Debit" : "Credit"],
      ]),
    ),
    "last-state-timestamp": Date.now(),
    "groups": [],
  };
}
