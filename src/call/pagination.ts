/** Lists that a broker sends in pages. */

import type { Broker, Page } from "../brokers/broker.ts";

/** After this many pages without a new item that each announce another one, the list is broken. */
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
  let query: PageQuery;
  do {
    const page = await getPage(query, read);
    yield* page?.items ?? [];
    query = page?.next && { ...query, ...page.next };
  } while (query !== undefined);
}

/** Reads the new items of one page after the other, and throws if the pages lead nowhere. */
function pageReader(broker: Broker): (json: unknown) => Page {
  const seen = new Set<string>();
  const previous = new Set<string>();
  let emptyPages = 0;
  return (json) => {
    const { items, next } = broker.readPage(json);
    if (!Array.isArray(items)) throw new TypeError("readPage() found no list of items");
    const newItems = items.filter((item) => {
      const id = broker.itemId?.(item);
      const isNew = id === undefined || !seen.has(id);
      if (id !== undefined) seen.add(id);
      return isNew;
    });
    const position = JSON.stringify(next);
    emptyPages = newItems.length === 0 ? emptyPages + 1 : 0;
    if (next !== undefined && (previous.has(position) || emptyPages >= MAX_EMPTY_PAGES)) {
      throw new Error("paging does not end: every page announces another one");
    }
    previous.add(position);
    return { items: newItems, next };
  };
}
