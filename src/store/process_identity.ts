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
export function processIdentity(pid: number = process.pid): string | undefined {
  const place = ownPlace();
  const start = place === undefined ? undefined : startOf(pid);
  return start === undefined ? undefined : `${place} ${pid} ${start}`;
}

/** Whether the process with this identity runs; `undefined` if nobody can tell here. */
export function isRunning(identity: string): boolean | undefined {
  const place = ownPlace();
  if (place === undefined || !identity.startsWith(`${place} `)) return undefined;
  const [pid = "", start = ""] = identity.slice(place.length + 1).split(" ");
  if (!/^\d+$/.test(pid)) return undefined;
  return startOf(Number(pid)) === start;
}

/** Where process ids mean the same: a boot and a namespace, or a host. */
function ownPlace(): string | undefined {
  try {
    if (process.platform !== "linux") {
      const mayKnow = isPermitted({ name: "sys", kind: "hostname" }) &&
        isPermitted({ name: "run" });
      return mayKnow ? hostname() : undefined;
    }
    if (!isPermitted({ name: "read", path: "/proc" })) return undefined; // Deno would ask
    // A container may see the /proc of another namespace, where ids mean other processes.
    const [seenPid] = readFileSync("/proc/self/stat", "utf8").split(" ");
    if (seenPid !== String(process.pid)) return undefined;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return undefined;
  }
}

/** When a process started, in the units of its system; `undefined` if there is no such process. */
function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") return isAlive(pid) ? "-" : undefined;
  try {
    // proc_pid_stat(5): the state and the start are the fields 3 and 22; a name in parentheses is before.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
    return /^[ZX]/.test(fields[0] ?? "") ? undefined : fields[19]; // a zombie has ended
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends no signal, and throws if there is no such process
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}
