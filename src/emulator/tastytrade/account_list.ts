import accounts from "./recordings/accounts.json" with { type: "json" };

/** The recorded account numbers, which are the same in both environments. */
export const accountNumbers: readonly string[] = accounts.data.items.map(
  (item) => item.account["account-number"],
);

/** The account with the recorded balances and positions. The other one is empty. */
export const fundedAccount: string = `${accountNumbers[0]}`;
