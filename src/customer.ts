import type { BrokerCustomers } from "./brokers/broker.ts";
import type { CustomerRecord } from "./brokers/records.ts";
import { SessionError } from "./errors.ts";
import { getExactly, replaceFields, requireSession } from "./resource.ts";
import type { CallOptions } from "./call/call_options.ts";
import type { Session } from "./session.ts";

/** The fields of a customer. */
export interface Customer extends CustomerRecord {}

/**
 * The person or company that is signed in, as it was when it was read. TradeStation has none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Customer, Session } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = new Session({ ...emulator.tastytrade });
 *
 * const { firstName, lastName } = await Customer.get(session);
 * assertEquals(`${firstName} ${lastName}`, "Jane Doe");
 * ```
 */
export class Customer {
  readonly #session: Session;

  private constructor(session: Session, record: CustomerRecord) {
    this.#session = session;
    Object.assign(this, record);
  }

  /**
   * Gets the customer.
   *
   * @throws {SessionError} If the broker has no customers: `code` is `"unsupported"`.
   * @throws {ApiError} If the broker refuses.
   */
  static async get(session: Session, options?: CallOptions): Promise<Customer> {
    requireSession(session, "Customer.get(session)");
    return new Customer(session, await read(session, options));
  }

  /** Reads the customer again, and updates this object. */
  async sync(options?: CallOptions): Promise<void> {
    const record = await read(this.#session, options);
    replaceFields(this, record);
  }
}

async function read(session: Session, options?: CallOptions): Promise<CustomerRecord> {
  const customers = customersOf(session);
  return customers.read(await getExactly(session, customers.path, options));
}

function customersOf({ broker }: Session): BrokerCustomers {
  if (broker.customers !== undefined) return broker.customers;
  throw new SessionError(
    `Cannot get the customer: ${broker.name} has none. Account.get() works for every broker`,
    { code: "unsupported" },
  );
}
