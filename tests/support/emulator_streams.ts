/**
 * The emulator's streams seen with bare eyes, with no client of ours in between.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { EmulatedTastytrade, Emulator } from "../../src/emulator/emulator.ts";
import { until } from "./idle.ts";
import { accessToken, USER_AGENT } from "./emulator_wire.ts";

type Frame = Record<string, unknown>;

/** Frames as they arrive, to be awaited one by one. */
export class Frames {
  readonly #waiting: string[] = [];
  #wake: (() => void) | undefined;
  /** How it has ended. */
  end: { readonly code: number; readonly reason: string } | undefined;

  /** A frame has arrived. */
  push(text: string): void {
    this.#waiting.push(text);
    this.#wake?.();
  }

  /** The stream is over. */
  finish(code: number, reason = ""): void {
    this.end ??= { code, reason };
    this.#wake?.();
  }

  /** The text of the next frame; `undefined` at the end. */
  async nextText(): Promise<string | undefined> {
    while (this.#waiting.length === 0 && this.end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#waiting.shift();
  }

  /** The next frame. */
  async next(): Promise<Frame> {
    const text = await this.nextText();
    assert(text !== undefined, `the stream has ended: ${JSON.stringify(this.end)}`);
    return JSON.parse(text);
  }

  /** So many frames. */
  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next());
    return frames;
  }

  /** The frames up to one. */
  async until(isLast: (frame: Frame) => boolean): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      frames.push(frame);
      if (isLast(frame)) return frames;
    }
  }
}

/** A stream of lines that `fetch` reads. */
export async function openLines(
  url: string,
  headers: HeadersInit,
): Promise<{ response: Response; frames: Frames; close: () => Promise<void> }> {
  const controller = new AbortController();
  const response = await fetch(url, { headers, signal: controller.signal });
  const frames = new Frames();
  const reading = (async () => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) frames.push(line);
    }
    frames.finish(1_000);
  })().catch(() => frames.finish(1_006));
  const close = async () => {
    controller.abort();
    await reading;
  };
  return { response, frames, close };
}

/** A WebSocket of the platform. */
export async function openSocket(
  url: string,
): Promise<
  { socket: WebSocket; frames: Frames; send: (message: unknown) => void; close(): Promise<void> }
> {
  const socket = new WebSocket(url);
  const frames = new Frames();
  const closed = new Promise<void>((resolve) => {
    socket.onclose = ({ code, reason }) => {
      frames.finish(code, reason);
      resolve();
    };
  });
  socket.onerror = () => {};
  socket.onmessage = ({ data }) => frames.push(String(data));
  await Promise.race([new Promise<void>((resolve) => socket.onopen = () => resolve()), closed]);
  return {
    socket,
    frames,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    close: async () => {
      socket.close();
      await closed;
    },
  };
}

/** A client of tastytrade's account streamer, and of its API. */
export async function openStreamer(access: EmulatedTastytrade): Promise<
  Awaited<ReturnType<typeof openSocket>> & {
    readonly token: string;
    act(action: string, fields?: Frame): Promise<Frame>;
    call(method: string, path: string, body?: unknown): Promise<Frame>;
  }
> {
  const token = `Bearer ${await accessToken(access)}`;
  const opened = await openSocket(access.streamerUrl);
  return {
    ...opened,
    token,
    act: async (action, fields = {}) => {
      opened.send({ action, "auth-token": token, ...fields });
      return await opened.frames.next();
    },
    call: async (method, path, body) => {
      const response = await fetch(access.baseUrl + path, {
        method,
        headers: {
          authorization: token,
          "user-agent": USER_AGENT,
          "content-type": "application/json",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const json = await response.json();
      assert(response.ok, JSON.stringify(json));
      return json;
    },
  };
}

/** Waits until the emulator has as many streams of a route. */
export async function untilOpen(emulator: Emulator, route: string, count = 1): Promise<void> {
  await until(() => emulator.countStreams(route) === count);
}
