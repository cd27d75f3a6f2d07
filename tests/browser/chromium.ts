/** A real browser without a screen: the one of this machine. */

// deno-lint-ignore no-import-prefix -- used by this one file; the module itself has no dependency
import { chromium, type Page } from "npm:playwright-core@1.65.1";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

/** Where the browser of this machine is, if it has one. */
export async function findChromium(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("which", { args: PROGRAMS }).output();
    return new TextDecoder().decode(stdout).split("\n")[0] || undefined;
  } catch {
    return undefined; // no `which`
  }
}

/** A tab in a browser of its own, and what happened in it. The browser goes with `await using`. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** The addresses that the tab went to by itself or by a redirect, strangers' icons included. */
  readonly requested: readonly string[];
  /** What the page complained of, for instance against its content security policy. */
  readonly complaints: readonly string[];
}

export async function openTab(executablePath: string): Promise<Tab> {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const context = await browser.newContext(); // in which further tabs share the cookies
  const page = await context.newPage();
  const requested: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("console", (message) => complaints.push(message.text()));
  return {
    page,
    requested,
    complaints,
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

/** Waits until the page has one of these in big letters. */
export async function shows(page: Page, ...titles: string[]): Promise<void> {
  const isOneOf = new RegExp(
    `^\\s*(${titles.map((title) => RegExp.escape(title)).join("|")})\\s*$`,
  );
  await page.locator("h1").filter({ hasText: isOneOf }).waitFor({ timeout: 10_000 });
}

/** Presses a button, or follows a link, as a person would. */
export async function press(page: Page, words: string): Promise<void> {
  await page.locator("button, a").getByText(words, { exact: true }).click();
}
