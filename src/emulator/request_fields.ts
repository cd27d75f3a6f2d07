import { parseJsonObject } from "./response.ts";
import type { ReceivedRequest } from "./received_request.ts";

/** The string fields of a JSON or form body; `undefined` for another body. */
export function readFields(request: ReceivedRequest): ReadonlyMap<string, string> | undefined {
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") {
    return new Map(new URLSearchParams(request.body));
  }
  const object = type === "application/json" ? parseJsonObject(request.body) : undefined;
  if (object === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    if (typeof value === "string") fields.set(name, value);
  }
  return fields;
}

/** The query parameters of a request. */
export function readQuery(request: ReceivedRequest): URLSearchParams {
  return new URLSearchParams(request.path.split("?").slice(1).join("?"));
}

/** The words of a text, which spaces separate. */
export function words(text: string): readonly string[] {
  return text.split(" ").filter((word) => word !== "");
}
