/** Who does something, in tests of parts that tell it. */
export const ACTOR = { broker: { name: "a broker" }, sandbox: false };
