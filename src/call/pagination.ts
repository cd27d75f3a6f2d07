/** Lists that a broker sends in pages. */

import type { Broker, Page } from "../brokers/broker.ts";

/** After this many empty pages that each announce another one, the list is broken. */
const MAX_EMPTY_PAGES = 100;

/** The query parameters that ask for a page. */
type PageQuery = Page["next"];

/**
 * Yields the items of all pages. Gets a page when its first item is needed. Leaves out an item that a
 * later page repeats because the list has grown meanwhile, if the broker's items have ids.
 *
 * @param getPage Gets a page, reads it with the function that it is given, and returns `undefined` if
 * there is no body.
 */
export async function* readPages(
  broker: Broker,
  getPage: (
    query: PageQuery,
    read: (json: unknown) => Page,
  ) => Promise<Page | undefined>,
): AsyncGenerator<unknown, void, undefined> {
  const read = pageReader(broker);
  const seen = new Set<string>();
  let query: PageQuery;
  do {
    const page = await getPage(query, read);
    for (const item of page?.items ?? []) {
      const id = broker.itemId?.(item);
      if (id !== undefined && seen.has(id)) continue;
      if (id !== undefined) seen.add(id);
      yield item;
    }
    query = page?.next && { ...query, ...page.next };
  } while (query !== undefined);
}

/** Reads one page after the other, and throws if they lead nowhere. */
function pageReader(broker: Broker): (json: unknown) => Page {
  const previous = new Set<string>();
  let emptyPages = 0;
  return (json) => {
    const page = broker.readPage(json);
    if (!Array.isArray(page.items)) throw new TypeError("readPage() found no list of items");
    const next = JSON.stringify(page.next);
    emptyPages = page.items.length === 0 ? emptyPages + 1 : 0;
    if (page.next !== undefined && (previous.has(next) || emptyPages >= MAX_EMPTY_PAGES)) {
      throw new Error("paging does not end: every page announces another one");
    }
    previous.add(next);
    return page;
  };
}
