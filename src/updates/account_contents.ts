import type { Balances } from "../brokers/records.ts";
import { listOrders } from "../orders/order_lookup.ts";
import { getExactly } from "../resource.ts";
import type { Session } from "../session.ts";
import type { AccountContents } from "./account_update.ts";

/** Reads what an account has. */
export async function readContents(
  session: Session,
  accountNumber: string,
  signal: AbortSignal,
): Promise<AccountContents> {
  const { accounts } = session.broker;
  const [orders, positions, balances] = await Promise.all([
    listOrders(session, accountNumber, { signal }),
    getExactly(session, accounts.positionsPath(accountNumber), { signal }),
    readBalances(session, accountNumber, signal),
  ]);
  return { orders, positions: accounts.readPositions(positions), balances };
}

/** Reads the balances of an account. */
export async function readBalances(
  session: Session,
  accountNumber: string,
  signal: AbortSignal,
): Promise<Balances> {
  const { accounts } = session.broker;
  const path = accounts.balancesPath(accountNumber);
  return accounts.readBalances(await getExactly(session, path, { signal }));
}
