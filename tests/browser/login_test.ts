import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { LoginError, Session } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { findChromium, openTab, press, shows, type Tab } from "./chromium.ts";
import { Environment } from "../support/environment.ts";
import { begin } from "../support/login.ts";

const PROGRAM = await findChromium() ?? "";

const SIGNED_IN = "Signed in to TradeStation";
const NOT_SIGNED_IN = "Not signed in to TradeStation";
const CONSENT = "An application asks for access to your TradeStation account";

/** A test in the browser of this machine; skipped where there is none. */
function browserTest(name: string, test: (tab: Tab) => Promise<void>): void {
  Deno.test({
    name: `Chromium: ${name}`,
    ignore: PROGRAM === "",
    async fn() {
      await using tab = await openTab(PROGRAM);
      await test(tab);
    },
  });
}

/** Logs in with the browser up to the page that says so. */
async function acceptIn(page: Tab["page"], emulator: Emulator) {
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  await page.goto(opened);
  await shows(page, CONSENT);
  await press(page, "Accept");
  await shows(page, SIGNED_IN);
  return { credentials, origin };
}

browserTest("the user accepts, and the session works", async ({ page, complaints }) => {
  await using emulator = await startEmulator();
  const { credentials, origin } = await acceptIn(page, emulator);
  assertEquals(page.url(), `${origin}/done`); // no code in the address bar
  assertEquals(complaints, []); // the style is not against its own policy
  await using session = new Session(await credentials);
  assertEquals(emulator.count("POST /oauth/token"), 1);
  const accounts = await session.get("/brokerage/accounts");
  assertEquals(Object(accounts).Accounts[0].AccountID, "123456789");
});

browserTest("the user declines", async ({ page }) => {
  await using emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator, { port: 3001 });
  const refused = credentials.catch((error) => error);
  await page.goto(opened);
  await shows(page, CONSENT);
  await press(page, "Decline");
  await shows(page, NOT_SIGNED_IN);
  assertStringIncludes(await page.innerText("body"), "User did not authorize the request");
  const error = await refused;
  assert(error instanceof LoginError);
  assertEquals(error.code, "access_denied");
});

browserTest("a reload while the code is exchanged, and a second tab", async ({ page }) => {
  await using emulator = await startEmulator();
  const second = await page.context().newPage();
  const gate = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const { opened, credentials } = await begin(emulator, {
    port: 3001,
    async fetch(input, init) {
      called.resolve();
      await gate.promise;
      return await fetch(input, init);
    },
  });
  const address = await emulator.submitConsent(opened, "accept");
  await page.goto(opened);
  await shows(page, CONSENT);
  void page.goto(address).catch(() => {}); // it is answered when the code is exchanged
  await called.promise;
  void page.goto(address).catch(() => {}); // what a reload is here: the same once more
  await second.goto(new URL("/", address).href);
  await shows(second, "Already done");
  const secondShown = second.goto(address).catch(() => {}); // or the server is gone already
  gate.resolve();
  await shows(page, SIGNED_IN, "Already done"); // the latter if it came too late
  await secondShown;
  await credentials;
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

browserTest(
  "the back button leads to the consent page, and no second exchange",
  async ({ page }) => {
    await using emulator = await startEmulator();
    const { credentials, origin } = await acceptIn(page, emulator);
    await credentials;
    await page.goBack();
    await shows(page, CONSENT); // and not the address with the code, which is not in the history
    const devTools = await page.context().newCDPSession(page);
    const { entries } = await devTools.send("Page.getNavigationHistory");
    assertFalse(entries.some(({ url }) => url.startsWith(origin) && url.includes("code=")));
    await press(page, "Accept");
    await shows(page, "This site can’t be reached"); // the server is gone
    assertEquals(emulator.count("POST /oauth/token"), 1);
  },
);

browserTest("a wrong state is no end, and nor is the icon", async ({ page }) => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  await page.goto(`${origin}/?code=x&state=y`);
  await shows(page, "Not the response to this login");
  await page.goto(`${origin}/favicon.ico`);
  await shows(page, "Nothing here");
  await press(page, "Go to the login");
  await shows(page, CONSENT);
  assertEquals(page.url(), opened);
  await press(page, "Accept");
  await shows(page, SIGNED_IN);
  await credentials;
});

browserTest(
  "a page of another site cannot end the login with an image or a form",
  async ({ page }) => {
    await using emulator = await startEmulator();
    const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
    const evil = `<h1>Evil</h1><img src="${origin}/?error=access_denied"><form method="post" ` +
      `action="${origin}/"><input name="clientId" value="x"><button>Send</button></form>`;
    await page.goto(`data:text/html,${encodeURIComponent(evil)}`);
    await shows(page, "Evil");
    await press(page, "Send");
    await shows(page, "Not possible here");
    await page.goto(opened);
    await shows(page, CONSENT);
    await press(page, "Accept");
    await shows(page, SIGNED_IN);
    await credentials;
  },
);

browserTest(
  "the page that asks for client id and secret",
  async ({ page, complaints, requested }) => {
    using _environment = new Environment({
      TRADESTATION_CLIENT_ID: undefined,
      TRADESTATION_CLIENT_SECRET: undefined,
    });
    await using emulator = await startEmulator();
    const { clientId, clientSecret } = emulator.tradestation;
    const { opened, credentials, origin } = await begin(emulator, {
      port: 3001,
      clientId: undefined,
      clientSecret: undefined,
    });
    assertEquals(opened, `${origin}/`);
    await page.goto(opened);
    await shows(page, "Log in to TradeStation");
    await page.fill("[name=clientId]", clientId);
    await page.fill("[name=clientSecret]", `"${clientSecret}"`);
    await press(page, "Continue to TradeStation");
    await shows(page, "Log in to TradeStation");
    assertStringIncludes(
      await page.innerText("body"),
      "The client secret has quotes around it. Copy it again",
    );
    assertEquals(await page.evaluate("document.querySelector('[name=clientSecret]').value"), "");
    await page.fill("[name=clientId]", clientId);
    await page.fill("[name=clientSecret]", clientSecret);
    await press(page, "Continue to TradeStation");
    await shows(page, CONSENT); // no policy stands in the way of the redirect
    await press(page, "Accept");
    await shows(page, SIGNED_IN);
    assertEquals(complaints.filter((complaint) => complaint.includes("policy")), []);
    assertFalse(requested.some((url) => url.includes(clientSecret)));
    await using session = new Session(await credentials);
    assert(await session.validate());
  },
);
