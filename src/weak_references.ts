/**
 * Weak references. Where the runtime has none, as Cloudflare Workers before the compatibility date
 * 2025-05-05, a session that nobody closes stays in memory.
 */

/** Makes a reference that does not keep its target in memory. */
export function weakReference<T extends WeakKey>(target: T): Pick<WeakRef<T>, "deref"> {
  return typeof WeakRef === "undefined" ? { deref: () => target } : new WeakRef(target);
}

/** Makes a registry whose function is called with what was registered for a target that is garbage. */
export function finalizationRegistry<T>(
  cleanUp: (held: T) => void,
): Pick<FinalizationRegistry<T>, "register" | "unregister"> {
  return typeof FinalizationRegistry === "undefined"
    ? { register: () => {}, unregister: () => false }
    : new FinalizationRegistry(cleanUp);
}
