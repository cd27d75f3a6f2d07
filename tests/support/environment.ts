/**
 * Environment variables for one test.
 *
 * @module
 */

/** Sets variables, or removes those that are `undefined`. `using` puts back what was there. */
export class Environment implements Disposable {
  readonly #before: readonly (readonly [string, string | undefined])[];

  constructor(variables: Readonly<Record<string, string | undefined>>) {
    this.#before = Object.keys(variables).map((name) => [name, Deno.env.get(name)]);
    for (const [name, value] of Object.entries(variables)) write(name, value);
  }

  [Symbol.dispose](): void {
    for (const [name, value] of this.#before) write(name, value);
  }
}

function write(name: string, value: string | undefined): void {
  if (value === undefined) {
    Deno.env.delete(name);
  } else {
    Deno.env.set(name, value);
  }
}
