/** Deno's permissions. The other runtimes permit everything. */

/** A permission to read one or all environment variables, or to connect to a host. */
export type PermissionDescriptor =
  | { readonly name: "env"; readonly variable?: string }
  | { readonly name: "net"; readonly host: string };

type Query = "querySync" | "requestSync";

/** Whether a permission is granted already. Never prompts. */
export function isPermitted(descriptor: PermissionDescriptor): boolean {
  return isGranted("querySync", descriptor);
}

/** Whether a permission is granted. In a terminal, Deno prompts the user for it. */
export function requestPermission(descriptor: PermissionDescriptor): boolean {
  return isGranted("requestSync", descriptor);
}

function isGranted(query: Query, descriptor: PermissionDescriptor): boolean {
  const { Deno } = globalThis as {
    Deno?: {
      permissions?: Record<Query, (descriptor: PermissionDescriptor) => { readonly state: string }>;
    };
  };
  return Deno?.permissions === undefined || Deno.permissions[query](descriptor).state === "granted";
}
