/** A runtime that has the web's standards only. The test with workerd shows that one is like this. */

import {
  assert,
  assertFalse,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  AutoRefreshSession,
  CredentialsError,
  fileStore,
  login,
  LoginError,
  SessionError,
  tradestation,
} from "../mod.ts";
import { BareRuntime } from "./support/bare_runtime.ts";
import { finalizationRegistry, weakReference } from "../src/weak_references.ts";
import { MemoryStore } from "./support/memory_store.ts";
import { ScriptedBroker, signedIn } from "./support/scripted_broker.ts";

Deno.test("Session refreshes and sends without Node's globals and weak references", async () => {
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  using _runtime = new BareRuntime(); // in which assertEquals() does not work: it needs WeakRef
  await using session = await signedIn(broker);
  await Promise.all(Array.from({ length: 50 }, () => session.get("/a")));
  assert(await (await session.fetch("/a")).text() === "{}");
  await session.refresh({ force: true });
  assert(broker.tokenRequests === 2 && broker.requests.length === 51);
  await using _other = await AutoRefreshSession.start(broker.options);
});

Deno.test("Session finds no variables where there is no environment", () => {
  using _runtime = new BareRuntime();
  assertThrows(() => new AutoRefreshSession(), CredentialsError, "or set TASTY_CLIENT_SECRET");
});

Deno.test("login() and fileStore() say what the runtime lacks", async () => {
  using _runtime = new BareRuntime();
  const { code } = await assertRejects(
    () => login({ broker: tradestation, clientId: "client", clientSecret: "secret" }),
    LoginError,
    "no web server for the browser",
  );
  assert(code === "unsupported_runtime");
  await assertRejects(() => fileStore("tokens").get("a"), SessionError, "has no files");
});

Deno.test("A store that fails is reported on the console where Node's warnings are missing", async () => {
  using _runtime = new BareRuntime();
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const store = new MemoryStore();
  store.faults.tokens = () => Promise.reject(new Error("disk full"));
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (message: string) => warnings.push(message);
  try {
    await using session = await signedIn(broker, { store });
    await session.get("/a");
    delete store.faults.tokens;
  } finally {
    console.warn = warn;
  }
  assert(warnings.length === 1);
  assertStringIncludes(warnings[0] ?? "", "TokenStoreWarning: Cannot save");
});

Deno.test("weak references of a runtime that has none are strong, and report nothing", () => {
  using _runtime = new BareRuntime();
  const target = {};
  assert(weakReference(target).deref() === target);
  const registry = finalizationRegistry(() => {
    throw new Error("must not be called");
  });
  registry.register(target, undefined);
  assertFalse(registry.unregister(target));
});
