import { type EmulatedResponse, jsonResponse } from "../response.ts";
import { Route } from "../route.ts";
import { Unserved } from "../unserved.ts";
import type { Call, Endpoint } from "./endpoint.ts";
import { legacyErrorResponse } from "./errors.ts";
import accounts from "./recordings/v2_accounts.json" with { type: "json" };
import balances from "./recordings/v2_balances.json" with { type: "json" };

/**
 * The accounts of v2, in SIM too: the specification says so, although a client reports that SIM has no
 * v2. Money is JSON numbers here.
 */
export const legacyEndpoints: readonly Endpoint[] = [
  {
    // It is UNCONFIRMED where users find their id today, so any id works.
    route: new Route("GET /v2/users/*/accounts"),
    scope: "ReadAccount",
    handle: (call) => {
      checkFirstUser(call);
      return jsonResponse(200, accounts);
    },
  },
  {
    route: new Route("GET /v2/accounts/*/balances"),
    scope: "ReadAccount",
    handle: (call) => {
      checkFirstUser(call);
      const [keys = ""] = call.parameters;
      return balancesResponse(keys.split(","));
    },
  },
];

/** What v2 shows of other users is not modelled. */
function checkFirstUser({ owner: { user } }: Call): void {
  if (user.opened !== undefined) throw new Unserved("v2 for a user who was added");
}

/**
 * The recorded balance with the account's own names. It remains a string, because a parser would turn
 * `3247154.8600` into a float. It is in an array, as in the specification; an old sample is a bare object.
 */
function balancesResponse(keys: readonly string[]): EmulatedResponse {
  const found = keys.map((key) => accounts.find((account) => `${account.Key}` === key));
  const texts = found.flatMap((account) => account === undefined ? [] : [balanceOf(account)]);
  // The message is from an old table of v2.
  if (texts.length < keys.length) {
    return legacyErrorResponse(401, "User is not authorized to retrieve this account");
  }
  return { ...jsonResponse(200, []), body: `[${texts.join(",")}]` };
}

function balanceOf(account: typeof accounts[number]): string {
  return ["Key", "Name", "Type", "TypeDescription"].reduce((text, name) => {
    const own = JSON.stringify(Object.entries(account).find(([key]) => key === name)?.[1]);
    return text.replace(new RegExp(`"${name}":("[^"]*"|\\d+)`), `"${name}":${own}`);
  }, balances.text);
}
