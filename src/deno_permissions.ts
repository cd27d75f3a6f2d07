/** What Deno permits this program. The other runtimes permit everything. */

/** A permission to read a variable, or all of them, or to talk to a host. */
export type PermissionDescriptor =
  | { readonly name: "env"; readonly variable?: string }
  | { readonly name: "net"; readonly host: string };

type Verb = "querySync" | "requestSync";

/** Whether something is permitted already. Nobody is asked, as Deno otherwise does in a terminal. */
export function isPermitted(descriptor: PermissionDescriptor): boolean {
  return isGranted("querySync", descriptor);
}

/** Whether something is permitted. In a terminal, Deno asks the user. */
export function requestPermission(descriptor: PermissionDescriptor): boolean {
  return isGranted("requestSync", descriptor);
}

function isGranted(verb: Verb, descriptor: PermissionDescriptor): boolean {
  const { Deno } = globalThis as {
    Deno?: {
      permissions?: Record<Verb, (descriptor: PermissionDescriptor) => { readonly state: string }>;
    };
  };
  return Deno?.permissions === undefined || Deno.permissions[verb](descriptor).state === "granted";
}
