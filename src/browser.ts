/** Opens the system's browser. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { platform } from "node:os";

/** An opener that fails later than this did open something, which the user has closed by now. */
const FAILS_WITHIN_MS = 5_000;

/**
 * Opens an address in the browser that the user has chosen for this machine.
 *
 * @returns Whether it could, as far as can be told; where a browser stays in the foreground, not
 * before it is closed. Never rejects.
 */
export async function openSystemBrowser(url: string): Promise<boolean> {
  const [program, ...args] = browserCommand(platform(), url);
  const startedAt = performance.now();
  try {
    // No shell: it would read the address as a command line.
    const child = spawn(program, args, { stdio: "ignore", detached: true });
    // The program may end before the browser. Deno cannot say so of what it could not start.
    if (child.pid !== undefined) child.unref();
    const [status] = await once(child, "exit");
    return status === 0 || performance.now() - startedAt > FAILS_WITHIN_MS;
  } catch {
    return false; // there is no such program; or Deno may not run it
  }
}

/** The program that opens an address, and its arguments. */
export function browserCommand(system: string, url: string): [program: string, ...args: string[]] {
  switch (system) {
    case "darwin":
      return ["open", url];
    case "win32":
      return ["rundll32", "url.dll,FileProtocolHandler", url]; // `start` would need a shell
    default:
      return ["xdg-open", url];
  }
}
