import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { findChromium, openTab } from "../browser/chromium.ts";
import { idle } from "../support/idle.ts";
import { RunningProgram } from "../support/running_program.ts";
import { denoWith, placeAt } from "./examples_fixtures.ts";

/** The dashboard of an emulator, running. */
async function openDashboard(
  emulator: Emulator,
  broker: "tastytrade" | "tradestation" = "tastytrade",
): Promise<{ program: RunningProgram; url: string }> {
  const { args, env } = placeAt(emulator, broker);
  const program = new RunningProgram(
    denoWith("--allow-all"),
    ["examples/dashboard.ts", "--port=0", ...args],
    env,
  );
  return { program, url: await program.nextLine() ?? "" };
}

const PROGRAM = await findChromium() ?? "";

/** Keeps a screenshot, where somebody wants to look at it. */
async function keep(shot: Uint8Array, name: string): Promise<void> {
  const folder = Deno.env.get("SCREENSHOTS");
  if (folder !== undefined) await Deno.writeFile(`${folder}/${name}`, shot);
}

Deno.test("examples/dashboard.ts shows accounts, balances and positions", async () => {
  await using emulator = await startEmulator();
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  const response = await fetch(url);
  assertEquals(response.status, 200);
  assertEquals(
    response.headers.get("content-security-policy"),
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
      "base-uri 'none'; frame-ancestors 'none'",
  );
  assertEquals(response.headers.get("cache-control"), "no-store");
  const html = await response.text();
  const shown = [
    "Roth IRA",
    "Margin acct",
    "4,544.727",
    "51,600.762",
    "281,983.965",
    "TQQQ",
    "−40",
  ];
  for (const words of shown) assertStringIncludes(html, words);
  assertMatch(html, /<rect class="have" width="18\.30%"\/>/); // 51600.762 of 281983.965
  assertFalse(/<script>|<style| style=/.test(html));
  const style = await fetch(`${url}/dashboard.css`);
  assertEquals(style.headers.get("content-type"), "text/css; charset=utf-8");
  assertStringIncludes(await style.text(), "color-scheme: light dark");

  if (Deno.build.os === "windows") return;
  assertEquals(await program.interrupt(), { code: 0, lines: [] });
});

Deno.test("examples/dashboard.ts escapes all that the broker says", async () => {
  await using emulator = await startEmulator();
  const evil = `<script>alert("1")</script>&'`;
  const account = { "account-number": "5WT00000", "nickname": evil, "account-type-name": evil };
  const answerWith = (items: object[]) => ({
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ data: { items } }),
  });
  const isTwice = 2; // once for the symbols
  emulator.injectFault("GET /customers/me/accounts", answerWith([{ account }]), isTwice);
  const position = { symbol: evil, quantity: evil };
  emulator.injectFault("GET /accounts/*/positions", answerWith([position]), isTwice);
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  const html = await (await fetch(url)).text();
  assertFalse(html.includes("<script>"));
  const escaped = "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;";
  assert(html.split(escaped).length - 1 >= 3, html);
});

Deno.test("examples/dashboard.ts says what is wrong, and answers to its own name only", async () => {
  await using emulator = await startEmulator();
  const { program, url } = await openDashboard(emulator);
  await using _program = program;
  emulator.injectFault("GET /customers/me/accounts", { status: 403, body: "<b>no</b>" });
  const broken = await fetch(url);
  assertEquals(broken.status, 502);
  assertMatch(await broken.text(), /<h1>Bad Gateway<\/h1>[^]*<p role="alert">[^]*403/);
  const elsewhere = await fetch(`${url}/elsewhere`);
  assertEquals([elsewhere.status, elsewhere.headers.has("content-security-policy")], [404, true]);
  await elsewhere.body?.cancel();
  const renamed = await fetch(url.replace("127.0.0.1", "localhost"));
  assertEquals(renamed.status, 421);
  assertFalse((await renamed.text()).includes("5WT0"));
});

/** The prices that a page is told, until the response ends. */
async function* pricesOf(url: string): AsyncGenerator<Record<string, string>> {
  const response = await fetch(`${url}/prices`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  let rest = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (rest + chunk).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const [, name, data = ""] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      assertEquals(name, "price", event);
      yield JSON.parse(data);
    }
  }
}

for (const [broker, symbol] of [["tastytrade", "TQQQ"], ["tradestation", "MSFT"]] as const) {
  Deno.test(`examples/dashboard.ts tells its pages of prices that move, at ${broker}`, async () => {
    await using emulator = await startEmulator();
    emulator.setPrice(symbol, "99.5");
    const { program, url } = await openDashboard(emulator, broker);
    await using _program = program;
    const [first, second] = [pricesOf(url), pricesOf(url)]; // two pages
    const next = async () => [(await first.next()).value, (await second.next()).value];
    assertEquals(await next(), [{ [symbol]: "99.5" }, { [symbol]: "99.5" }]);
    emulator.setPrice(symbol, "101.25");
    assertEquals(await next(), [{ [symbol]: "101.25" }, { [symbol]: "101.25" }]);
    await second.return(undefined);
    emulator.setPrice(symbol, "102.25");
    assertEquals((await first.next()).value, { [symbol]: "102.25" });
    const html = await (await fetch(url)).text();
    assertStringIncludes(html, `<td data-symbol="${symbol}">`);
    assertFalse(/undefined|NaN|null/.test(html), html);
    if (Deno.build.os === "windows") return;
    assertEquals(await program.interrupt(), { code: 0, lines: [] }); // while a page listens
    assert((await first.next()).done);
  });
}

Deno.test({
  name: "Chromium: examples/dashboard.ts shows prices that move",
  ignore: PROGRAM === "",
  async fn() {
    await using emulator = await startEmulator();
    emulator.setPrice("TQQQ", "60.5");
    const { program, url } = await openDashboard(emulator);
    await using _program = program;
    await using tab = await openTab(PROGRAM);
    const { page, complaints } = tab;
    await page.goto(url);
    const cell = `document.querySelector('[data-symbol="TQQQ"]')`;
    const until = async (text: string, className: string) => {
      const shown = `${cell}.textContent + " " + ${cell}.className`;
      while (await page.evaluate(shown) !== `${text} ${className}`) await idle();
    };
    await until("60.5", "");
    emulator.setPrice("TQQQ", "61.25");
    await until("61.25", "up");
    emulator.setPrice("TQQQ", "59");
    await until("59", "down");
    await keep(await page.screenshot({ fullPage: true }), "prices.png");
    assertEquals(complaints, []);
  },
});

Deno.test({
  name: "Chromium: examples/dashboard.ts in light and dark, and on a phone",
  ignore: PROGRAM === "",
  async fn() {
    await using emulator = await startEmulator();
    const { program, url } = await openDashboard(emulator);
    await using _program = program;
    await using tab = await openTab(PROGRAM);
    const { page, complaints } = tab;
    await page.goto(url);
    const backgrounds: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [1200, 390]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        const shot = await page.screenshot({ fullPage: true });
        await keep(shot, `${colorScheme}_${width}.png`);
        assertEquals(await page.evaluate("document.documentElement.scrollWidth"), width);
        backgrounds.push(String(await page.evaluate("getComputedStyle(document.body).background")));
      }
    }
    assertEquals(new Set(backgrounds).size, 2);
    assertEquals(complaints, []); // nothing on the page is against its own policy
  },
});
