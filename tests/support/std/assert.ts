/**
 * A stand-in for `@std/assert` over `node:assert`, for machines that cannot reach JSR: the functions
 * that this project's tests use, with the signatures of the real ones.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";

export { AssertionError } from "node:assert";

// deno-lint-ignore no-explicit-any -- the signature of the real package
type ErrorClass<E extends Error> = abstract new (...parameters: any[]) => E;

export function assert(condition: unknown, message = ""): asserts condition {
  if (!condition) fail(message);
}

export function assertFalse(condition: unknown, message = "Expected a falsy value"): void {
  if (condition) fail(message);
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message);
  const difference = hiddenDifference(actual, expected);
  if (difference !== undefined) fail(message ?? `Expected the same ${difference}`);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (isEqual(actual, expected)) fail(message ?? `Expected something else than ${inspect(actual)}`);
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, message);
}

export function assertNotStrictEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notStrictEqual(actual, expected, message);
}

export function assertExists<T>(
  actual: T,
  message = "Expected a value that is neither null nor undefined",
): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) fail(message);
}

export function assertInstanceOf<T extends abstract new (...parameters: never[]) => unknown>(
  actual: unknown,
  expectedType: T,
  message: string = `Expected an instance of ${expectedType.name}, not ${inspect(actual)}`,
): asserts actual is InstanceType<T> {
  if (!(actual instanceof expectedType)) fail(message);
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  message: string = `Expected ${inspect(actual)} to include ${inspect(expected)}`,
): void {
  if (!actual.includes(expected)) fail(message);
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  message: string = `Expected ${inspect(actual)} to match ${expected}`,
): void {
  if (!expected.test(actual)) fail(message);
}

export function assertNotMatch(
  actual: string,
  expected: RegExp,
  message: string = `Expected ${inspect(actual)} not to match ${expected}`,
): void {
  if (expected.test(actual)) fail(message);
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message: string = `Expected ${inspect(actual)} to include ${inspect(expected)}`,
): void {
  const held = Array.from(actual);
  for (const wanted of Array.from(expected)) {
    if (!held.some((element) => isEqual(element, wanted))) fail(message);
  }
}

export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- the signature of the real package
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  nodeAssert.deepStrictEqual(subset(actual, expected), expected, message);
}

export function assertGreater<T>(
  actual: T,
  expected: T,
  message: string = `Expected ${inspect(actual)} > ${inspect(expected)}`,
): void {
  if (!(actual > expected)) fail(message);
}

export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  message: string = `Expected ${inspect(actual)} >= ${inspect(expected)}`,
): void {
  if (!(actual >= expected)) fail(message);
}

export function assertLess<T>(
  actual: T,
  expected: T,
  message: string = `Expected ${inspect(actual)} < ${inspect(expected)}`,
): void {
  if (!(actual < expected)) fail(message);
}

export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  message: string = `Expected ${inspect(actual)} <= ${inspect(expected)}`,
): void {
  if (!(actual <= expected)) fail(message);
}

export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  messageIncludes?: string | RegExp,
  message?: string,
): asserts error is E {
  const expectedClass = errorClass ?? Error;
  if (!(error instanceof Error && error instanceof expectedClass)) {
    fail(message ?? `Expected an instance of ${expectedClass.name}, not ${inspect(error)}`);
  }
  if (messageIncludes === undefined) return;
  const matches = typeof messageIncludes === "string"
    ? error.message.includes(messageIncludes)
    : messageIncludes.test(error.message);
  if (!matches) {
    fail(message ?? `Expected ${inspect(error.message)} to include ${inspect(messageIncludes)}`);
  }
}

export function assertThrows(action: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error = Error>(
  action: () => unknown,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): E;
export function assertThrows(
  action: () => unknown,
  ...expected: Expected
): unknown {
  try {
    action();
  } catch (error) {
    return checkThrown(error, expected);
  }
  return fail("Expected function to throw.");
}

export function assertRejects(
  action: () => PromiseLike<unknown>,
  message?: string,
): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  action: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  action: () => PromiseLike<unknown>,
  ...expected: Expected
): Promise<unknown> {
  let promise: PromiseLike<unknown>;
  try {
    promise = action();
  } catch {
    return fail("Function throws when expected to reject.");
  }
  if (typeof Object(promise).then !== "function") {
    return fail("Function returns when expected to reject.");
  }
  try {
    await promise;
  } catch (error) {
    return checkThrown(error, expected);
  }
  return fail("Expected function to reject.");
}

export function fail(message = "Failed assertion."): never {
  throw new nodeAssert.AssertionError({ message });
}

export function unreachable(message = "Unreachable."): never {
  return fail(message);
}

type Expected = [
  errorClassOrMessage?: string | ErrorClass<Error>,
  messageIncludes?: string,
  message?: string,
];

function checkThrown(error: unknown, [errorClass, messageIncludes, message]: Expected): unknown {
  if (typeof errorClass === "function") {
    assertIsError(error, errorClass, messageIncludes, message);
  }
  return error;
}

function isEqual(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(actual, expected) && hiddenDifference(actual, expected) === undefined;
}

/**
 * The real package compares every property of an object that has a class, the hidden and the inherited
 * ones too, for instance an error's `stack`. `node:assert` compares the enumerable ones only.
 *
 * @returns The name of the first property that differs, or `undefined`.
 */
function hiddenDifference(
  actual: unknown,
  expected: unknown,
  seen: Map<unknown, unknown> = new Map(),
): string | undefined {
  if (Object.is(actual, expected) || !isRecord(actual) || !isRecord(expected)) return undefined;
  if (seen.get(actual) === expected) return undefined;
  seen.set(actual, expected);
  if (actual instanceof Set || actual instanceof URL || ArrayBuffer.isView(actual)) {
    return undefined;
  }
  const isMap = actual instanceof Map && expected instanceof Map;
  for (const key of isMap ? actual.keys() : propertyNames(actual)) {
    const [one, other] = isMap
      ? [actual.get(key), expected.get(key)]
      : [actual[key as string], expected[key as string]];
    if (!isMap && !Object.is(one, other) && !isDeepStrictEqual(one, other)) return String(key);
    const difference = hiddenDifference(one, other, seen);
    if (difference !== undefined) return `${String(key)}.${difference}`;
  }
  return undefined;
}

function propertyNames(value: object): Set<PropertyKey> {
  const names = new Set(Reflect.ownKeys(value));
  const isPlain = [Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value));
  let prototype = isPlain ? null : Object.getPrototypeOf(value);
  while (prototype !== null && prototype !== Object.prototype) {
    for (const name of Reflect.ownKeys(prototype)) names.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return names;
}

/** The part of `actual` that `expected` speaks about. */
function subset(actual: unknown, expected: unknown): unknown {
  if (!isRecord(actual) || !isRecord(expected)) return actual;
  if (Array.isArray(actual)) {
    return actual.map((element, index) => subset(element, expected[index] ?? element));
  }
  const part: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(expected)) {
    if (Object.hasOwn(actual, key)) part[key] = subset(actual[key], expected[key]);
  }
  return part;
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Date);
}
