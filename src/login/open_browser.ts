/** Opens the system's browser. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { platform } from "node:os";
import { findVariable, variableNames } from "../env_variables.ts";

/** A command that fails later than this did open a browser, which the user has closed by now. */
const FAILS_WITHIN_MS = 5_000;

/**
 * Opens a URL in the user's default browser. Never rejects.
 *
 * @returns Whether it worked, as far as that can be known. If the browser stays in the foreground, the
 * promise resolves when it is closed.
 */
export async function openSystemBrowser(url: string): Promise<boolean> {
  const [command, ...args] = browserCommand(platform(), url);
  const startedAt = performance.now();
  try {
    // Without a shell, which would interpret the URL as a command line.
    const env = browserEnvironment();
    const child = spawn(command, args, { stdio: "ignore", detached: true, env });
    // The program may end before the browser. Deno throws for a child that did not start.
    if (child.pid !== undefined) child.unref();
    const [status] = await once(child, "exit");
    return status === 0 || performance.now() - startedAt > FAILS_WITHIN_MS;
  } catch {
    return false; // there is no such command, or Deno does not permit it
  }
}

/** The command that opens a URL on an operating system. */
export function browserCommand(system: string, url: string): [command: string, ...args: string[]] {
  switch (system) {
    case "darwin":
      return ["open", url];
    case "win32":
      return ["rundll32", "url.dll,FileProtocolHandler", url]; // `start` would need a shell
    default:
      return ["xdg-open", url];
  }
}

/**
 * The variables that a browser needs, and none that could be a secret: they would remain in the
 * environment of the browser and of everything that it starts.
 */
export function browserEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of variableNames()) {
    const value = BROWSER_VARIABLES.test(name) ? findVariable(name) : undefined;
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Where programs and files are, the user, the screen and the language, on each operating system. */
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
