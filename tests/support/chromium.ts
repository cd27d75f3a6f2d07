/**
 * A real browser without a screen, spoken to in its own DevTools protocol: what a test needs of it, and
 * no package.
 *
 * @module
 */

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** The browser of this machine, if it has one. */
export async function findChromium(): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    try {
      const { success } = await new Deno.Command(program, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return program;
    } catch {
      // not that one
    }
  }
  return undefined;
}

/** A browser with a profile of its own, which both go with `await using`. */
export class Chromium implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #host: string;

  private constructor(process: Deno.ChildProcess, profile: string, host: string) {
    this.#process = process;
    this.#profile = profile;
    this.#host = host;
  }

  static async start(program: string): Promise<Chromium> {
    const profile = await Deno.makeTempDir();
    const process = new Deno.Command(program, {
      args: [...FLAGS, `--user-data-dir=${profile}`, "about:blank"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    // The first line is the port. The file is there as soon as the browser listens.
    for (;;) {
      const text = await Deno.readTextFile(`${profile}/DevToolsActivePort`).catch(() => "");
      const [port = ""] = text.split("\n");
      if (port !== "") return new Chromium(process, profile, `127.0.0.1:${port}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async newTab(): Promise<Tab> {
    const response = await fetch(`http://${this.#host}/json/new?about:blank`, { method: "PUT" });
    const { webSocketDebuggerUrl } = await response.json();
    return await Tab.attach(webSocketDebuggerUrl);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM"); // it ends its helpers, too
    await this.#process.status;
    await Deno.remove(this.#profile, { recursive: true }).catch(() => {}); // its helpers may still write
  }
}

/** One tab. */
export class Tab implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  /** The addresses that the tab was sent to by itself or by a redirect, strangers' icons included. */
  readonly requested: string[] = [];
  /** What the page complained of, for instance against its content security policy. */
  readonly complaints: string[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
  }

  static async attach(url: string): Promise<Tab> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const tab = new Tab(socket);
    for (const domain of ["Page", "Network", "Log", "Runtime"]) await tab.send(`${domain}.enable`);
    return tab;
  }

  /** Begins to go somewhere. */
  async open(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
  }

  async reload(): Promise<void> {
    await this.send("Page.reload");
  }

  async goBack(): Promise<void> {
    await this.evaluate("history.back()");
  }

  /** Types into a field, or presses a button, as a person would: nothing else runs in the page. */
  async type(selector: string, text: string): Promise<void> {
    const field = `document.querySelector(${JSON.stringify(selector)})`;
    await this.evaluate(`${field}.value = ""; ${field}.focus()`);
    await this.send("Input.insertText", { text });
  }

  async press(words: string): Promise<void> {
    const label = JSON.stringify(words);
    await this.evaluate(
      `[...document.querySelectorAll("button, a")].find((one) => one.textContent === ${label}).click()`,
    );
  }

  /** Waits until the page has one of these in big letters. No event tells of every page, so it looks often. */
  async shows(...titles: unknown[]): Promise<void> {
    const startedAt = performance.now();
    for (let shown = await this.heading(); !titles.includes(shown); shown = await this.heading()) {
      if (performance.now() - startedAt > 10_000) {
        throw new Error(
          `Expected "${titles.join('" or "')}" at ${await this.address()}, not "${shown}"`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async heading(): Promise<unknown> {
    return await this.evaluate(
      `document.readyState === "complete" ? document.querySelector("h1")?.textContent.trim() : ""`,
    ).catch(() => ""); // in the middle of a navigation
  }

  async text(): Promise<string> {
    return String(await this.evaluate("document.body.innerText"));
  }

  async address(): Promise<string> {
    return String(await this.evaluate("location.href"));
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return Object(result).value;
  }

  /** A picture of the page. */
  async picture(file: string, scheme: "light" | "dark", width: number): Promise<void> {
    const size = { width, height: 760, deviceScaleFactor: 1, mobile: width < 500 };
    await this.send("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    await this.send("Emulation.setEmulatedMedia", { features });
    const { data } = await this.send("Page.captureScreenshot");
    await Deno.writeFile(file, Uint8Array.from(atob(`${data}`), (char) => char.charCodeAt(0)));
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return await answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => {
      this.#socket.onclose = resolve;
      this.#socket.close();
    });
  }

  #receive({ id, method, result, error, params }: Record<string, unknown>): void {
    const answer = this.#waiting.get(Number(id));
    this.#waiting.delete(Number(id));
    if (error !== undefined) answer?.reject(new Error(JSON.stringify(error)));
    else answer?.resolve(Object(result));
    if (method === "Network.requestWillBeSent") this.requested.push(Object(params).request.url);
    if (method === "Log.entryAdded") this.complaints.push(Object(params).entry.text);
  }
}
