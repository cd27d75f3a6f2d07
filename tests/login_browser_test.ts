import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { LoginError, Session } from "../mod.ts";
import { startEmulator } from "../src/emulator/emulator.ts";
import { Chromium, findChromium, type Tab } from "./support/chromium.ts";
import { Environment } from "./support/environment.ts";
import { begin } from "./support/login.ts";

const PROGRAM = await findChromium() ?? "";

const SIGNED_IN = "Signed in to TradeStation";
const NOT_SIGNED_IN = "Not signed in to TradeStation";
const CONSENT = "An application asks for access to your TradeStation account";

/** A test in the browser of this machine; skipped where there is none. */
function browserTest(name: string, test: (tab: Tab, browser: Chromium) => Promise<void>): void {
  Deno.test({
    name: `Chromium: ${name}`,
    ignore: PROGRAM === "",
    async fn() {
      await using browser = await Chromium.start(PROGRAM);
      await using tab = await browser.newTab();
      await test(tab, browser);
    },
  });
}

browserTest("the user accepts, and the session works", async (tab) => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  await tab.open(opened);
  await tab.shows(CONSENT);
  await tab.press("Accept");
  await tab.shows(SIGNED_IN);
  assertEquals(await tab.address(), `${origin}/done`); // no code in the address bar
  assertEquals(tab.complaints, []); // the style is not against its own policy
  await using session = new Session(await credentials);
  assertEquals(emulator.count("POST /oauth/token"), 1);
  const accounts = await session.get("/brokerage/accounts");
  assertEquals(Object(accounts).Accounts[0].AccountID, "123456789");
});

browserTest("the user declines", async (tab) => {
  await using emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator, { port: 3001 });
  const refused = credentials.catch((error) => error);
  await tab.open(opened);
  await tab.shows(CONSENT);
  await tab.press("Decline");
  await tab.shows(NOT_SIGNED_IN);
  assertStringIncludes(await tab.text(), "User did not authorize the request");
  const error = await refused;
  assert(error instanceof LoginError);
  assertEquals(error.code, "access_denied");
});

browserTest("a reload while the code is exchanged, and a second tab", async (tab, browser) => {
  await using emulator = await startEmulator();
  await using second = await browser.newTab();
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
  const address = await emulator.decide(opened, "accept");
  await tab.open(opened);
  await tab.shows(CONSENT);
  void tab.open(address); // it is answered when the code is exchanged
  await called.promise;
  void tab.open(address); // what a reload is here: the same once more
  await second.open(new URL("/", address).href);
  await second.shows("Already done");
  const secondShown = second.open(address);
  gate.resolve();
  await tab.shows(SIGNED_IN, "Already done"); // the latter if it came too late
  await secondShown;
  await credentials;
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

browserTest("the back button leads to the consent page, and no second exchange", async (tab) => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  await tab.open(opened);
  await tab.shows(CONSENT);
  await tab.press("Accept");
  await tab.shows(SIGNED_IN);
  await credentials;
  await tab.goBack();
  await tab.shows(CONSENT); // and not the address with the code, which is not in the history
  const history = await tab.send("Page.getNavigationHistory");
  const visited: { url: string }[] = Object(history).entries;
  assertFalse(visited.some(({ url }) => url.startsWith(origin) && url.includes("code=")));
  await tab.press("Accept");
  await tab.shows("This site can’t be reached"); // the server is gone
  assertEquals(emulator.count("POST /oauth/token"), 1);
});

browserTest("a wrong state is no end, and nor is the icon", async (tab) => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  await tab.open(`${origin}/?code=x&state=y`);
  await tab.shows("Not the answer to this login");
  await tab.open(`${origin}/favicon.ico`);
  await tab.shows("Nothing here");
  await tab.press("Go to the login");
  await tab.shows(CONSENT);
  assertEquals(await tab.address(), opened);
  await tab.press("Accept");
  await tab.shows(SIGNED_IN);
  await credentials;
});

browserTest("a page of another site cannot end the login with an image or a form", async (tab) => {
  await using emulator = await startEmulator();
  const { opened, credentials, origin } = await begin(emulator, { port: 3001 });
  const page = `<h1>Evil</h1><img src="${origin}/?error=access_denied"><form method="post" ` +
    `action="${origin}/"><input name="clientId" value="x"><button>Send</button></form>`;
  await tab.open(`data:text/html,${encodeURIComponent(page)}`);
  await tab.shows("Evil");
  await tab.press("Send");
  await tab.shows("Not possible here");
  await tab.open(opened);
  await tab.shows(CONSENT);
  await tab.press("Accept");
  await tab.shows(SIGNED_IN);
  await credentials;
});

browserTest("the page that asks for client id and secret", async (tab) => {
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
  await tab.open(opened);
  await tab.shows("Log in to TradeStation");
  await tab.type("[name=clientId]", clientId);
  await tab.type("[name=clientSecret]", `"${clientSecret}"`);
  await tab.press("Continue to TradeStation");
  await tab.shows("Log in to TradeStation");
  assertStringIncludes(await tab.text(), "The client secret has quotes around it. Copy it again");
  assertEquals(await tab.evaluate("document.querySelector('[name=clientSecret]').value"), "");
  await tab.type("[name=clientId]", clientId);
  await tab.type("[name=clientSecret]", clientSecret);
  await tab.press("Continue to TradeStation");
  await tab.shows(CONSENT); // no policy stands in the way of the redirect
  await tab.press("Accept");
  await tab.shows(SIGNED_IN);
  assertEquals(tab.complaints.filter((complaint) => complaint.includes("policy")), []);
  assertFalse(tab.requested.some((url) => url.includes(clientSecret)));
  await using session = new Session(await credentials);
  assert(await session.validate());
});
