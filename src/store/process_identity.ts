/**
 * Tells whether a process still runs, for others on the same machine.
 *
 * A process id alone does not say it: in another container it is another process, and after a restart of
 * the machine too. On Linux the boot, the namespace of process ids and the time at which the process
 * started make it unique. Where those cannot be read, nothing is claimed: on Deno without
 * `--allow-all`, which alone permits it to read `/proc`.
 */

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { isPermitted } from "../deno_permissions.ts";
import { codeOf } from "../net/error_code.ts";

/** Identifies a process, by default this one; `undefined` if there is none, or nobody can tell. */
export function processIdentity(
  pid: number = process.pid,
  system: string = process.platform,
): string | undefined {
  const place = ownPlace(system);
  const start = place === undefined ? undefined : startOf(pid, system);
  return start === undefined ? undefined : `${place} ${pid} ${start}`;
}

/** Whether the process with this identity runs; `undefined` if nobody can tell here. */
export function isRunning(
  identity: string,
  system: string = process.platform,
): boolean | undefined {
  const place = ownPlace(system);
  if (place === undefined || !identity.startsWith(`${place} `)) return undefined;
  const [pid = "", start] = identity.slice(place.length + 1).split(" ");
  return /^\d+$/.test(pid) ? startOf(Number(pid), system) === start : undefined;
}

/** Where process ids mean the same: a boot and a namespace, or a host. Deno is never made to ask. */
function ownPlace(system: string): string | undefined {
  try {
    if (system !== "linux") {
      const isKnown = isPermitted({ name: "sys", kind: "hostname" }) &&
        isPermitted({ name: "run" });
      return isKnown ? hostname() : undefined;
    }
    const isReadable = isPermitted({ name: "read", path: "/proc" });
    const [pid] = isReadable ? readFileSync("/proc/self/stat", "utf8").split(" ") : [];
    // A container may see the /proc of another namespace, where ids mean other processes.
    return pid === String(process.pid)
      ? `${bootId()} ${readlinkSync("/proc/self/ns/pid")}`
      : undefined;
  } catch { // deno-coverage-ignore -- where there is no /proc, or Deno hides it
    return undefined; // deno-coverage-ignore
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** When a process started, in the units of its system; `undefined` if there is no such process. */
function startOf(pid: number, system: string): string | undefined {
  try {
    if (system !== "linux") return process.kill(pid, 0) ? "-" : undefined; // sends no signal
    // proc_pid_stat(5): the state and the start are the fields 3 and 22; a name in parentheses is before.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
    return /^[ZX]/.test(fields[0] ?? "") ? undefined : fields[19]; // a zombie has ended
  } catch (error) {
    return codeOf(error) === "EPERM" ? "-" : undefined; // that of another user runs
  }
}
