/** Compares what a program was told with the broker's lists, because a healthy stream may leave something out. */

import type { Deadline } from "../net/deadline.ts";
import type { AccountContents } from "./account_update.ts";
import type { AccountReport, UpdateType } from "./account_report.ts";

/**
 * Compares again and again, until the connection ends. A single difference may be a list that is late, so two
 * reads must show the same one, with nothing told of it in between.
 *
 * @param read Reads the account.
 */
export async function reconcile(
  everyMs: number,
  { report, read, connection }: {
    readonly report: AccountReport;
    readonly read: () => Promise<AccountContents>;
    readonly connection: Deadline;
  },
): Promise<never> {
  let before: ReturnType<AccountReport["differencesFrom"]> = new Map();
  for (;;) {
    await connection.sleep(everyMs);
    report.remember();
    const contents = await read().catch(() => undefined); // the next time, perhaps
    connection.signal.throwIfAborted();
    const recent = report.forget();
    if (contents === undefined) continue;
    const now = report.differencesFrom(contents);
    const isLasting = (type: UpdateType) =>
      [...now.get(type) ?? []].some(([key, text]) => before.get(type)?.get(key) === text);
    report.repair([...now.keys()].filter(isLasting), contents, recent);
    before = now;
  }
}
