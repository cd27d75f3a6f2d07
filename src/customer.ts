import type { BrokerCustomers } from "./brokers/broker.ts";
import type { CustomerRecord } from "./brokers/records.ts";
import { SessionError } from "./errors.ts";
import { type CallOptions, requireSession, type Session } from "./session.ts";

/** What every customer has. */
export interface Customer extends CustomerRecord {}

/**
 * The person, or the company, that is signed in, as it was when it was read.
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
   * The customer.
   *
   * @throws {SessionError} If the broker has no customers: then `code` is `"unsupported"`.
   */
  static async get(session: Session, options?: CallOptions): Promise<Customer> {
    requireSession(session, "Customer.get(session)");
    return new Customer(session, await read(session, options));
  }

  /** Reads the customer anew, into this object. */
  async sync(options?: CallOptions): Promise<void> {
    const record = await read(this.#session, options);
    for (const name of Object.keys(this)) Reflect.deleteProperty(this, name); // it may be gone
    Object.assign(this, record);
  }
}

async function read(session: Session, options?: CallOptions): Promise<CustomerRecord> {
  const customers = customersOf(session);
  return customers.read(await session.get(customers.path, { ...options, exactNumbers: true }));
}

function customersOf({ broker }: Session): BrokerCustomers {
  if (broker.customers !== undefined) return broker.customers;
  throw new SessionError(
    `Cannot get the customer: ${broker.name} has none. Account.get() works for every broker`,
    { code: "unsupported" },
  );
}
