/**
 * A folder for one test, removed by `using`.
 *
 * @module
 */

/** A folder that nobody else uses. */
export class TemporaryFolder implements Disposable {
  /** Its absolute path. */
  readonly path: string = Deno.makeTempDirSync({ prefix: "tasty_session_" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
