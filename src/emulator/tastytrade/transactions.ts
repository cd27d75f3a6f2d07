import { type JsonObject, jsonResponse } from "../response.ts";
import totalFees from "./recordings/total_fees.json" with { type: "json" };
import transactions from "./recordings/transactions.json" with { type: "json" };
import { Decimal } from "../decimal.ts";
import { Route } from "../route.ts";
import { fundedAccount, recordedNumbers } from "./account_list.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { dataResponse, unknownResponse } from "./envelope.ts";
import { between, PAGE, pageOf, select, sort, TIMES } from "./pagination.ts";

// Three pages of the default size for the funded account. The other one has as many as were recorded.
const FUNDED_COUNT = 612;
const OTHER_COUNT: number = transactions.pagination["total-items"];

const FILTERS = [
  "type",
  "types[]",
  "sub-type[]",
  "symbol",
  "underlying-symbol",
  "instrument-type",
  "action",
];
/** The fields of queries with other names. */
const FIELDS: Readonly<Record<string, string>> = {
  "type": "transaction-type",
  "types[]": "transaction-type",
  "sub-type[]": "transaction-sub-type",
};

/** The transactions of an account. */
export const transactionEndpoints: readonly Endpoint[] = [
  {
    route: new Route("GET /accounts/*/transactions"),
    scope: "read",
    query: [...FILTERS, ...TIMES, ...PAGE, "sort"],
    handle: listResponse,
  },
  {
    route: new Route("GET /accounts/*/transactions/total-fees"),
    scope: "read",
    query: ["date"],
    handle: (call) => {
      const { query, context } = call;
      const day = query.get("date") ?? new Date(Date.now()).toISOString().slice(0, 10);
      const fees = feesOf(transactionsOf(call).filter((one) => one["transaction-date"] === day));
      const data = { "total-fees": fees.toAmount(), "total-fees-effect": fees.toEffect() };
      return jsonResponse(200, { ...totalFees, data, context });
    },
  },
  {
    route: new Route("GET /accounts/*/transactions/*"),
    scope: "read",
    handle: (call) => {
      const { parameters: [, id], context } = call;
      const found = transactionsOf(call).find((transaction) => `${transaction["id"]}` === id);
      return found === undefined
        ? unknownResponse(`transaction ${id}`)
        : dataResponse(found, context);
    },
  },
];

/** The fees of some transactions: below 0, as a debit. */
function feesOf(some: readonly JsonObject[]): Decimal {
  const names = [
    "commission",
    "clearing-fees",
    "regulatory-fees",
    "proprietary-index-option-fees",
  ];
  return some.flatMap((one) => names.map((name) => Decimal.from(one[name] ?? "0")))
    .reduce((sum, fee) => sum.minus(fee), Decimal.ZERO);
}

function listResponse(call: Call) {
  const { query, context } = call;
  const selected = FILTERS.reduce(
    (kept, name) => select(kept, query, name, FIELDS[name]),
    transactionsOf(call),
  );
  const dated = between(selected, query, "transaction-date", "executed-at");
  const limits = { defaultPerPage: 250, maxPerPage: 2000 };
  const { items, pagination } = pageOf(sort(dated, query), query, limits);
  return dataResponse({ items }, context, { pagination });
}

/**
 * The transactions, newest first: the trades, then the three recorded ones, then the same three again and again, each
 * time a week older and with new ids, so that there are several pages.
 */
function transactionsOf({ parameters: [accountNumber = ""], book }: Call): readonly JsonObject[] {
  const recorded: readonly JsonObject[] = transactions.data.items;
  const count = countOf(accountNumber);
  const old = Array.from({ length: count }, (_, index) => {
    const original = recorded[index % recorded.length];
    const weeks = Math.floor(index / recorded.length);
    const transaction = { ...original, "account-number": accountNumber };
    return weeks === 0 ? transaction : {
      ...transaction,
      // Below all recorded ids, and descending.
      "id": 200_000_000 - index,
      "executed-at": weeksBefore(original?.["executed-at"], weeks),
      "transaction-date": weeksBefore(original?.["executed-at"], weeks).slice(0, 10),
    };
  });
  return [...book.holdings.tradesOf(accountNumber), ...old];
}

function countOf(accountNumber: string): number {
  if (!recordedNumbers.includes(accountNumber)) return 0;
  return accountNumber === fundedAccount ? FUNDED_COUNT : OTHER_COUNT;
}

function weeksBefore(instant: unknown, weeks: number): string {
  const weekMs = 7 * 24 * 60 * 60 * 1000;
  const moved = new Date(Date.parse(`${instant}`) - weeks * weekMs);
  return moved.toISOString().replace("Z", "+00:00");
}
