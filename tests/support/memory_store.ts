/**
 * A token store in memory that can fail and be slow on demand: two sessions with one of these are
 * two processes.
 *
 * @module
 */

import type { TokenStore } from "../../mod.ts";
import { type GrantRecord, parseRecord } from "../../src/store/grant_record.ts";

/** What a store is asked: to read, or to write a record of some kind. */
export type StoreAction = "get" | "intent" | "tokens" | "failure";

/** Keeps records, and what was done with them. */
export class MemoryStore implements TokenStore {
  /** What it holds. */
  readonly texts: Map<string, string> = new Map();
  /** What it was asked, in order. A write that came too late has a `!`. */
  readonly log: string[] = [];
  /** What its next calls of a kind do first. */
  readonly faults: Partial<Record<StoreAction, () => Promise<void>>> = {};

  /** The records that it holds. */
  get records(): GrantRecord[] {
    return [...this.texts.values()].map(readRecord);
  }

  /** The only record that it holds. */
  get record(): GrantRecord {
    const [record, ...others] = this.records;
    if (record === undefined || others.length > 0) throw new Error(`${this.texts.size} records`);
    return record;
  }

  /** Changes the only record. */
  edit(change: Partial<GrantRecord>): void {
    const [[key, text] = ["", ""]] = this.texts;
    this.texts.set(key, JSON.stringify({ ...JSON.parse(text), ...change }));
  }

  async get(key: string): Promise<string | undefined> {
    this.log.push("get");
    await this.faults.get?.();
    return this.texts.get(key);
  }

  async compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean> {
    const action = actionOf(after);
    this.log.push(action);
    await this.faults[action]?.();
    const isCurrent = this.texts.get(key) === before;
    if (isCurrent) this.texts.set(key, after);
    else this.log.push(`${action}!`);
    return isCurrent;
  }
}

/** What a write is about. */
export function actionOf(text: string): StoreAction {
  const { intent, failure } = readRecord(text);
  if (intent !== undefined) return "intent";
  return failure === undefined ? "tokens" : "failure";
}

function readRecord(text: string): GrantRecord {
  const record = parseRecord(text);
  if (record === undefined) throw new Error(`not a record: ${text}`);
  return record;
}
