import { definedMembers, type JsonObject } from "../response.ts";
import { type BookedOrder, instant, wireOf } from "./order_state.ts";

/** Of an `OCO` one order ends the others; the trigger of the other two sends orders when it is filled. */
export type ComplexType = "OCO" | "OTO" | "OTOCO";

/** A checked complex order, as requested. */
export interface ComplexForm {
  readonly type: ComplexType;
  readonly trigger: JsonObject | undefined;
  readonly orders: readonly JsonObject[];
}

/** A complex order of the book. */
export interface ComplexOrder {
  readonly id: number;
  readonly accountNumber: string;
  readonly type: ComplexType;
  readonly trigger: BookedOrder | undefined;
  readonly orders: readonly BookedOrder[];
}

/** All its orders, in the order in which they work. */
export function ordersOf({ trigger, orders }: ComplexOrder): readonly BookedOrder[] {
  return trigger === undefined ? orders : [trigger, ...orders];
}

/** A complex order as the broker shows it now. */
export function wireOfComplex(complex: ComplexOrder): JsonObject {
  const { id, accountNumber, type, trigger, orders } = complex;
  const ends = ordersOf(complex).map(({ order }) => order?.endedAt);
  const isOver = ends.every((end) => end !== undefined);
  return definedMembers({
    "id": id,
    "account-number": accountNumber,
    "type": type,
    "terminal-at": isOver ? instant(Math.max(...ends.map(Number))) : undefined,
    "trigger-order": trigger && wireOf(trigger),
    "orders": orders.map(wireOf),
  });
}
