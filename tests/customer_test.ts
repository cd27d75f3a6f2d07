import { assertEquals, assertFalse, assertRejects } from "@std/assert";
import { type Broker, Customer, Session, SessionError, tastytrade } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts";

Deno.test("Customer.get() returns the customer", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const customer = await Customer.get(session);
  assertEquals(customer.id, "me");
  assertEquals(`${customer.firstName} ${customer.lastName}`, "Jane Doe");
  assertEquals(customer.email, "jane@example.com");
  assertEquals(customer.birthDate, "1900-01-01");
  assertFalse(customer.isProfessional);
  assertEquals(customer.createdAt?.toISOString(), "2021-03-26T18:31:40.913Z");
  assertEquals(customer.raw["external-id"], "C0001234567");
});

Deno.test("Customer.sync() reads the customer again", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const customer = await Customer.get(session);
  emulator.injectFault("GET /customers/me", {
    status: 200,
    body: JSON.stringify({ data: { "id": "me", "first-name": "Joan" } }),
  });
  await customer.sync();
  assertEquals(customer.firstName, "Joan");
  assertEquals(customer.lastName, undefined);
});

Deno.test("Customer.get() says when the broker has no customers", async () => {
  await using emulator = await startEmulator();
  const { customers: _, ...rest } = tastytrade;
  const broker: Broker = { ...rest, name: "Elsewhere" };
  await using session = new Session({ ...emulator.tastytrade, broker });
  const error = await assertRejects(
    () => Customer.get(session),
    SessionError,
    "Elsewhere has none",
  );
  assertEquals(error.code, "unsupported");
});
