import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { load } from "@std/dotenv";
import { type Emulator, startEmulator, tradestationFaults } from "../../src/emulator/emulator.ts";
import { Session, tradestation } from "../../mod.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { isAvailable, type Runtime, RUNTIMES } from "../support/runtimes.ts";

/** What a person does at the terminal, and what stands there in the end. */
async function answer(
  { command: [program, ...args] }: Runtime,
  { emulator, file, decision = "y", mistakes = [] }: {
    emulator: Emulator;
    file: string;
    decision?: string;
    mistakes?: readonly string[];
  },
): Promise<{ code: number; shown: string }> {
  const { baseUrl, signInUrl, clientId, clientSecret } = emulator.tradestation;
  const addresses = [`--api=${baseUrl}`, `--site=${signInUrl}`, `--file=${file}`];
  const child = new Deno.Command(program, {
    args: [...args, "examples/login.ts", "--broker=tradestation", "--manual", ...addresses],
    cwd: new URL("../../", import.meta.url),
    env: {
      NO_COLOR: "1",
      TRADESTATION_CLIENT_ID: clientId,
      TRADESTATION_CLIENT_SECRET: clientSecret,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const type = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
  let shown = "";
  const mistakesLeft = [...mistakes];
  let answered = 0;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    shown += chunk;
    const url = /^(http\S+)\n/m.exec(shown)?.[1];
    const asked = shown.split("paste where it ends: ").length - 1;
    if (url !== undefined && asked > answered) {
      answered = asked;
      await type(mistakesLeft.shift() ?? await emulator.submitConsent(url, "accept"));
    }
    if (shown.endsWith("[y/N] ")) await type(decision);
  }
  await writer.close().catch(() => {}); // it has ended
  return { code: (await child.status).code, shown };
}

for (const runtime of RUNTIMES) {
  Deno.test({
    name: `examples/login.ts logs in and writes .env, on ${runtime.name}`,
    ignore: !await isAvailable(runtime),
    async fn() {
      await using emulator = await startEmulator();
      const folder = await Deno.makeTempDir();
      const file = `${folder}/.env`;
      const others = "# mine\n\nOTHER='keep  this'\nMY_TRADESTATION_CLIENT_ID=mine";
      const old = "export TRADESTATION_REFRESH_TOKEN = old\n  TRADESTATION_CLIENT_ID=old\n";
      await Deno.writeTextFile(file, old + others, { mode: 0o644 });

      const { code, shown } = await answer(runtime, { emulator, file });
      assertEquals(code, 0);
      assertStringIncludes(shown, "Signed in: 123456789, 123456782, 123456781");
      const written = await Deno.readTextFile(file);
      assert(written.startsWith(`${others}\n`));
      if (Deno.build.os !== "windows") {
        assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
      }
      assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), [".env"]);
      const { clientId, clientSecret, refreshToken } = emulator.tradestation;
      const { TRADESTATION_REFRESH_TOKEN: token, ...variables } = await load({ envPath: file });
      assertEquals(variables, {
        OTHER: "keep  this",
        MY_TRADESTATION_CLIENT_ID: "mine",
        TRADESTATION_CLIENT_ID: clientId,
        TRADESTATION_CLIENT_SECRET: clientSecret,
      });
      assert(token && token !== "old" && token !== refreshToken && !shown.includes(token));
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("examples/login.ts writes nothing unless it is told to", async () => {
  const [deno] = RUNTIMES;
  if (deno === undefined) throw new Error("There is always a Deno here");
  await using emulator = await startEmulator();
  const folder = await Deno.makeTempDir();
  const { code } = await answer(deno, { emulator, file: `${folder}/.env`, decision: "" });
  assertEquals([code, [...Deno.readDirSync(folder)]], [0, []]);
  await Deno.remove(folder);
});

Deno.test("examples/login.ts writes the refresh token that lives, if it rotates", async () => {
  const [deno] = RUNTIMES;
  if (deno === undefined) throw new Error("There is always a Deno here");
  await using emulator = await startEmulator();
  emulator.tradestation.rotation = true;
  // So that the example's own session refreshes.
  emulator.injectFault("GET /v3/brokerage/accounts", tradestationFaults.unauthorized);
  using folder = new TemporaryFolder();
  const file = `${folder.path}/.env`;
  assertEquals((await answer(deno, { emulator, file })).code, 0);
  const { TRADESTATION_REFRESH_TOKEN: refreshToken } = await load({ envPath: file });
  await using session = new Session({
    broker: tradestation,
    ...emulator.tradestation,
    refreshToken,
  });
  await session.refresh({ force: true });
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
});

Deno.test("examples/login.ts says what was wrong with what was pasted, and asks again", async () => {
  const [deno] = RUNTIMES;
  if (deno === undefined) throw new Error("There is always a Deno here");
  await using emulator = await startEmulator();
  const folder = await Deno.makeTempDir();
  const mistakes = ["garbage", "http://localhost:3001/?code=x&state=y"];
  const options = { emulator, file: `${folder}/.env`, decision: "YES", mistakes };
  const { code, shown } = await answer(deno, options);
  assertEquals(code, 0);
  assertStringIncludes(shown, "it is neither an address nor a code");
  assertStringIncludes(shown, "its state is not that of this login");
  assertStringIncludes(shown, `Written to ${folder}/.env`);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("examples/login.ts ends where nobody answers any more", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "examples/login.ts", "--broker=tradestation", "--manual"],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1", TRADESTATION_CLIENT_ID: "id", TRADESTATION_CLIENT_SECRET: "secret" },
    stdin: "null",
    signal: AbortSignal.timeout(20_000),
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [1, "Not answered\n"]);
});

Deno.test("examples/login.ts refuses a broker or an option that it does not know", async () => {
  const cases = [["--broker=ts", "--broker is one of tastytrade, tradestation\n"], [
    "--help",
    "Unknown option '--help'",
  ]] as const;
  for (const [option, complaint] of cases) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "examples/login.ts", option],
      cwd: new URL("../../", import.meta.url),
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stdout)], [1, ""]);
    const complained = decoder.decode(stderr);
    assert(complained.startsWith(complaint) && !complained.includes("at file:"), complained);
  }
});
