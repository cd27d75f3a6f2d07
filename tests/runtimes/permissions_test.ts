import { assertEquals, assertInstanceOf } from "@std/assert";
import { Environment } from "../support/environment.ts";
import { GIVEN, IN_ENVIRONMENT, NEEDS_ID, read, refusal } from "../support/credential_fixtures.ts";

Deno.test({
  name: "readCredentials() needs no environment for credentials that are given",
  permissions: { env: false },
  fn() {
    assertEquals(read(GIVEN), { ...GIVEN, clientId: undefined });
    assertEquals(read({ ...GIVEN, clientId: "id" }, NEEDS_ID), { ...GIVEN, clientId: "id" });
  },
});

Deno.test({
  name: "readCredentials() names the permission that is missing",
  permissions: { env: false },
  fn() {
    const error = refusal({ refreshToken: "refresh" }, "environment_denied");
    assertEquals(
      error.message,
      "Cannot read TASTY_CLIENT_SECRET from the environment. Run with " +
        "--allow-env=TASTY_CLIENT_SECRET, or pass clientSecret",
    );
    assertInstanceOf(error.cause, Error);
  },
});

Deno.test({
  name: "readCredentials() does without an optional client id that may not be read",
  permissions: { env: ["TASTY_CLIENT_SECRET", "TASTY_REFRESH_TOKEN"] },
  fn() {
    using _environment = new Environment({
      TASTY_CLIENT_SECRET: "env-secret",
      TASTY_REFRESH_TOKEN: "env-refresh",
    });
    assertEquals(read({}), {
      clientId: undefined,
      clientSecret: "env-secret",
      refreshToken: "env-refresh",
    });
  },
});

Deno.test("new Session() runs in a program without any permission", async () => {
  const mod = new URL("../../mod.ts", import.meta.url);
  const program = `
    import { Session } from ${JSON.stringify(mod)};
    await new Session(${JSON.stringify(GIVEN)}).close();
    try { new Session(); } catch (error) { console.log(error.name, error.code); }
  `;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", "-"],
    env: IN_ENVIRONMENT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  await using child = command.spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await output;
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout), "CredentialsError environment_denied\n");
});
