/** Opens the system's browser. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { platform } from "node:os";
import { findVariable, variableNames } from "../environment.ts";

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
    const env = browserEnvironment();
    const child = spawn(program, args, { stdio: "ignore", detached: true, env });
    // The program may end before the browser. Deno cannot say so of what it could not start.
    if (child.pid !== undefined) child.unref();
    const [status] = await once(child, "exit");
    return status === 0 || performance.now() - startedAt > FAILS_WITHIN_MS;
  } catch {
    return false; // there is no such program; or Deno may not run it
  }
}

/**
 * What a browser needs of this program's environment: nothing that could be a secret. It would stand in
 * the environment of the browser, and of all that it starts, for as long as they run.
 */
export function browserEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of variableNames()) {
    const value = BROWSER_VARIABLES.test(name) ? findVariable(name) : undefined;
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Where programs and files are, who the user is, which screen and which language; on each system. */
const BROWSER_VARIABLES = new RegExp(
  `^(${
    [
      "PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|PWD|LANG|LANGUAGE|LC_\\w+|TZ",
      "BROWSER|DISPLAY|XAUTHORITY|WAYLAND_DISPLAY|DESKTOP_SESSION|DBUS_SESSION_BUS_ADDRESS",
      "(XDG|GDK|GTK|QT|KDE|GNOME|MOZ|WSL)_\\w+|WSLENV",
      "SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|TEMP|TMP|USERNAME|USERPROFILE|HOMEDRIVE|HOMEPATH",
      "APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES(\\(X86\\))?|PROGRAMW6432|ALLUSERSPROFILE|PUBLIC",
    ].join("|")
  })$`,
  "i",
);

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
