import { assert, assertEquals, assertFalse } from "@std/assert";
import { browserCommand, openSystemBrowser } from "../../src/login/open_browser.ts";
import { Environment } from "../support/environment.ts";

const URL = "https://example.com/authorize?a=1&b=%20;`rm`$(rm)";

/** Opens it while something else keeps this process alive, as the callback server does. */
async function open(): Promise<boolean> {
  const server = setInterval(() => {}, 60_000);
  try {
    return await openSystemBrowser(URL);
  } finally {
    clearInterval(server);
  }
}

/** Puts a program of ours in the place of the system's. */
async function withOpener(script: string, test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/xdg-open`, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  {
    using _environment = new Environment({ PATH: `${folder}:${Deno.env.get("PATH")}` });
    await test(folder);
  }
  await Deno.remove(folder, { recursive: true });
}

const ignore = Deno.build.os !== "linux";

Deno.test("browserCommand() names each system's own opener, and never a shell", () => {
  assertEquals(browserCommand("linux", URL), ["xdg-open", URL]);
  assertEquals(browserCommand("freebsd", URL), ["xdg-open", URL]);
  assertEquals(browserCommand("darwin", URL), ["open", URL]);
  assertEquals(browserCommand("win32", URL), ["rundll32", "url.dll,FileProtocolHandler", URL]);
});

Deno.test({
  name: "openSystemBrowser() hands over the address as it is",
  ignore,
  async fn() {
    await withOpener(`printf %s "$1" > "$0.args"`, async (folder) => {
      assert(await open());
      assertEquals(await Deno.readTextFile(`${folder}/xdg-open.args`), URL);
    });
  },
});

Deno.test({
  name: "openSystemBrowser() says when it could not",
  ignore,
  async fn() {
    await withOpener("exit 3", async () => assertFalse(await open()));
    using _environment = new Environment({ PATH: "/nowhere" });
    assertFalse(await open());
  },
});

Deno.test({
  name: "openSystemBrowser() takes a browser that ends badly, but late, for one that was opened",
  ignore,
  async fn() {
    await withOpener("exit 1", async () => {
      const real = performance.now;
      let now = 0;
      performance.now = () => now += 6_000; // each look is later
      try {
        assert(await open());
      } finally {
        performance.now = real;
      }
    });
  },
});

Deno.test("openSystemBrowser() says no where Deno may run no program", async () => {
  const module = new globalThis.URL("../../src/login/open_browser.ts", import.meta.url);
  const script = `import { openSystemBrowser } from "${module}";
    console.log(await openSystemBrowser("https://example.com"));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, script);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--no-lock", file],
  }).output();
  await Deno.remove(file);
  assertEquals(new TextDecoder().decode(stdout), "false\n");
});

Deno.test({
  name: "openSystemBrowser() gives the browser what it needs of the environment, and no secret",
  ignore,
  async fn() {
    using _environment = new Environment({
      TASTY_CLIENT_SECRET: "hidden",
      TRADESTATION_REFRESH_TOKEN: "hidden",
      AWS_SECRET_ACCESS_KEY: "hidden",
      DATABASE_URL: "hidden",
      DISPLAY: ":0",
      BROWSER: "firefox",
      XAUTHORITY: "/home/somebody/.Xauthority",
      WAYLAND_DISPLAY: "wayland-0",
      XDG_RUNTIME_DIR: "/run/user/1000",
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1000/bus",
      LANG: "de_DE.UTF-8",
      LC_TIME: "de_DE.UTF-8",
      HOME: "/home/somebody",
    });
    await withOpener(`env > "$0.env"`, async (folder) => {
      assert(await open());
      const text = await Deno.readTextFile(`${folder}/xdg-open.env`);
      assertFalse(text.includes("hidden"), text);
      const needed = [
        "DISPLAY=:0",
        "BROWSER=",
        "XAUTHORITY=",
        "WAYLAND_DISPLAY=",
        "XDG_RUNTIME_DIR=",
        "DBUS_SESSION",
        "LANG=",
        "LC_TIME=",
        "HOME=",
        "PATH=",
      ];
      for (const name of needed) assert(text.includes(name), `${name} in ${text}`);
    });
  },
});
