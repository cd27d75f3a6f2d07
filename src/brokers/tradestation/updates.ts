/** TradeStation's streams of orders and positions, in v3. There is none of balances. */

import { text } from "../fields.ts";
import type { StreamedUpdates } from "../updates.ts";
import { readPosition } from "./records.ts";

const pathOf = (accountNumber: string) =>
  `/brokerage/stream/accounts/${encodeURIComponent(accountNumber)}`;

/** How TradeStation tells of changes. */
export const updates: StreamedUpdates = {
  kind: "streams",
  ordersPath: (accountNumber) => `${pathOf(accountNumber)}/orders`,
  // Without `changes=true`, so that each position comes whole.
  positionsPath: (accountNumber) => `${pathOf(accountNumber)}/positions`,
  positionId: ({ PositionID: id }) => text(id),
  isDeleted: ({ Deleted: isDeleted }) => isDeleted === true,
  readPosition,
};
