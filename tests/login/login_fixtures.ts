import { assertEquals } from "@std/assert";
import { connect, createServer } from "node:net";
import { type Broker, tradestation } from "../../mod.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";

export const NO_CLIENT = {
  TASTY_CLIENT_ID: undefined,
  TASTY_CLIENT_SECRET: undefined,
  TRADESTATION_CLIENT_ID: undefined,
  TRADESTATION_CLIENT_SECRET: undefined,
};

/** The fields of the only code exchange. */
export function exchangeOf(emulator: Emulator): URLSearchParams {
  const [request, ...more] = emulator.requests.filter(({ path }) => path.endsWith("/oauth/token"));
  assertEquals(more, []);
  return new URLSearchParams(request?.body);
}

/** A broker with something else about its login. */
export function altered(
  login: Partial<NonNullable<Broker["login"]>>,
  broker: Broker = tradestation,
): Broker {
  if (broker.login === undefined) throw new Error(`${broker.name} has a login`);
  return { ...broker, login: { ...broker.login, ...login } };
}

export function parametersOf(url: string): URLSearchParams {
  return new URL(url).searchParams;
}

/** The address on which the browser would end, with other parameters. */
export function changed(address: string, parameters: Record<string, string | undefined>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

/** Listens for a moment where a login has been. */
export async function assertPortIsFree(port: number): Promise<void> {
  for (const host of ["127.0.0.1", "::1"]) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer().once("error", reject);
      server.listen(port, host, () => server.close(() => resolve()));
    });
  }
}

/** A `fetch` that waits until the test lets it go on. */
export function gatedFetch(): { fetch: typeof fetch; called: Promise<void>; open: () => void } {
  const called = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    called: called.promise,
    open: gate.resolve,
    async fetch(input, init) {
      called.resolve();
      await gate.promise;
      return await fetch(input, init);
    },
  };
}

/** Breaks a connection in the middle of a request, the hard way. */
export function reset(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("close", () => resolve());
    socket.write(text, () => socket.resetAndDestroy());
  });
}
