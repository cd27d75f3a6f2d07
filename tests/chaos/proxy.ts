/**
 * A unreliable network to the emulator: delays, connections that break at every point of an exchange, gateways
 * that answer by themselves, and access tokens that are revoked.
 *
 * It keeps to two rules, so that it can be told what must succeed: a call meets fault twice at the
 * most, and a 401 once.
 *
 * @module
 */

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Buffer } from "node:buffer";
import type { Random } from "../support/random.ts";

/** The header in which the client names its call. */
export const CALL_HEADER = "x-call";

const FAULTS = [
  "delay",
  "reset at once",
  "reset in the middle of the request",
  "reset after the request",
  "reset after it was carried out",
  "reset in the middle of the answer",
  "401",
  "429",
  "500",
  "503",
  "500 after it was carried out",
  "503 after it was carried out",
  "close after the answer",
] as const;

type Fault = (typeof FAULTS)[number] | "none";

/** After these the call comes to its end. */
const HARMLESS: ReadonlySet<Fault> = new Set(["none", "delay", "close after the answer"]);

/** Faults that come after the request was carried out. */
const LOST: ReadonlySet<Fault> = new Set([
  "reset after it was carried out",
  "reset in the middle of the answer",
  "500 after it was carried out",
  "503 after it was carried out",
]);

/** What the network has to have shown before it can be said to have shown everything. */
export const EVERYTHING: readonly string[] = ["GET", "POST"].flatMap((method) =>
  FAULTS.flatMap((fault) =>
    ["fresh", "reused"].map((connection) => `${method} ${fault} ${connection}`)
  )
);

/** What a call has met. */
export interface Story {
  /** How often its request arrived, or began to. */
  arrivals: number;
  /** How often it was answered 401. */
  refusals: number;
  /** How often it met fault. */
  faults: number;
  /** How often it was carried out and its answer did not get through. */
  lostAnswers: number;
  isOver: boolean;
}

/** How much fault there is: one request in so many. */
const ONE_IN = 5;
/** The access tokens are revoked after so many requests. */
const REVOKE_EVERY = 300;

/** The network. */
export class ChaosProxy implements AsyncDisposable {
  /** What each call has met, by its name. */
  readonly stories: Map<string, Story> = new Map();
  /** How often each fault happened, by method and by whether the connection was used before. */
  readonly counts: Map<string, number> = new Map();
  /** How often all access tokens were revoked. */
  revocations = 0;
  readonly #target: URL;
  readonly #revoke: () => void;
  readonly #random: Random;
  readonly #server: ReturnType<typeof createServer>;
  readonly #used = new WeakSet<Socket>();
  #sinceRevocation = 0;
  /** The exchanges that have begun, and after which revocation. */
  readonly #underWay = new Set<{ readonly since: number }>();

  /**
   * @param target Where the emulator is.
   * @param revoke Revokes all access tokens.
   */
  constructor(target: string, revoke: () => void, random: Random) {
    this.#target = new URL(target);
    this.#revoke = revoke;
    this.#random = random;
    this.#server = createServer((message, response) => void this.#receive(message, response));
    this.#server.keepAliveTimeout = 75_000;
  }

  /** Opens the network, and returns its address. */
  open(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        resolve(`http://127.0.0.1:${Object(this.#server.address()).port}`);
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = message.headers[CALL_HEADER];
    try {
      if (typeof name === "string") await this.#lead(name, message, response);
      else await this.#forward(message, response, await buffer(message)); // a token request
    } catch {
      message.socket.destroy(); // the client went away
    }
  }

  async #lead(name: string, message: IncomingMessage, response: ServerResponse): Promise<void> {
    const story = this.#storyOf(name);
    story.arrivals += 1;
    story.isOver = false; // a search sends several requests
    this.#revokeNowAndThen();
    const fault = this.#choose(story);
    const connection = this.#used.has(message.socket) ? "reused" : "fresh";
    this.#used.add(message.socket);
    const key = `${message.method} ${fault} ${connection}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
    if (!HARMLESS.has(fault)) story.faults += 1;
    if (LOST.has(fault)) story.lostAnswers += 1;

    const underWay = { since: this.revocations };
    this.#underWay.add(underWay);
    const status = await this.#exchange(fault, message, response)
      .finally(() => this.#underWay.delete(underWay));
    if (status === 401) story.refusals += 1; // which sends it again
    else if (message.method !== "GET" || status === 200) story.isOver = true;
    // An idle connection may break at any time too; but a 401 has to get through, or it is no 401.
    if (status !== 401 && this.#random.oneIn(20)) {
      response.once("close", () => message.socket.destroy());
    }
  }

  /** Answers or does not, and returns the status that the client gets to see, if it does. */
  async #exchange(
    fault: Fault,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<number | undefined> {
    const { socket } = message;
    if (fault === "reset at once") return void socket.resetAndDestroy();
    const body = await buffer(message);
    switch (fault) {
      case "reset in the middle of the request":
        await this.#forwardHalf(message, body);
        return void socket.destroy();
      case "reset after the request":
        return void socket.resetAndDestroy();
      case "reset after it was carried out":
        await this.#ask(message, body);
        return void socket.resetAndDestroy();
      case "reset in the middle of the answer": {
        const answer = await this.#ask(message, body);
        response.writeHead(answer.status, answer.headers);
        const half = answer.body.subarray(0, answer.body.length / 2);
        await new Promise<void>((resolve) => response.write(half, () => resolve()));
        socket.destroy();
        return answer.status === 401 ? 401 : undefined;
      }
      case "401":
      case "429":
      case "500":
      case "503":
        return this.#refuse(Number(fault), response);
      case "500 after it was carried out":
      case "503 after it was carried out":
        await this.#ask(message, body);
        return this.#refuse(Number.parseInt(fault), response);
      case "close after the answer":
        response.setHeader("connection", "close");
        break;
      case "delay":
        await new Promise((resolve) => setTimeout(resolve, this.#random.between(1, 30)));
    }
    return await this.#forward(message, response, body);
  }

  #storyOf(name: string): Story {
    const story = this.stories.get(name) ??
      { arrivals: 0, refusals: 0, faults: 0, lostAnswers: 0, isOver: false };
    this.stories.set(name, story);
    return story;
  }

  #choose(story: Story): Fault {
    if (!this.#random.oneIn(ONE_IN) || story.faults === 2) return "none";
    const fault = this.#random.pick(FAULTS);
    return fault === "401" && story.refusals > 0 ? "none" : fault;
  }

  /** Not while a call is under way that has had its 401, or has yet to get it. */
  #revokeNowAndThen(): void {
    this.#sinceRevocation += 1;
    if (this.#sinceRevocation < REVOKE_EVERY) return;
    if ([...this.#underWay].some(({ since }) => since < this.revocations)) return;
    const stories = [...this.stories.values()];
    if (stories.some(({ refusals, isOver }) => refusals > 0 && !isOver)) return;
    this.#sinceRevocation = 0;
    this.revocations += 1;
    this.#revoke();
  }

  #refuse(status: number, response: ServerResponse): number {
    response.writeHead(status, this.#random.oneIn(3) ? { "retry-after": "0" } : {}).end("{}");
    return status;
  }

  async #forward(
    message: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): Promise<number> {
    const answer = await this.#ask(message, body);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return answer.status;
  }

  /** Passes a request on, over a connection of its own, which nothing sends again. */
  #ask(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    const { hostname, port } = this.#target;
    return new Promise((resolve, reject) => {
      const { connection: _, "transfer-encoding": __, ...rest } = headers;
      const onward = request(
        {
          agent: false,
          hostname,
          port,
          method,
          path: url,
          headers: { ...rest, "content-length": body.length },
        },
        async (answer) => {
          const whole = await buffer(answer);
          resolve({
            status: answer.statusCode ?? 0,
            headers: {
              "content-type": String(answer.headers["content-type"]),
              "content-length": String(whole.length),
            },
            body: whole,
          });
        },
      );
      onward.on("error", reject);
      onward.end(body);
    });
  }

  /** Passes on the first half of a request, and hangs up. */
  #forwardHalf({ method, url, headers }: IncomingMessage, body: Buffer): Promise<void> {
    const { hostname, port } = this.#target;
    const head = [
      `${method} ${url} HTTP/1.1`,
      `host: ${hostname}:${port}`,
      ...Object.entries(headers).filter(([name]) => name !== "host").map((pair) => pair.join(": ")),
    ];
    const bytes = `${head.join("\r\n")}\r\n\r\n${body.toString()}`;
    return new Promise((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.on("close", () => resolve());
      socket.on("error", () => {});
      socket.write(
        bytes.slice(0, body.length > 0 ? bytes.length - body.length / 2 : bytes.length / 2),
        () => socket.destroy(),
      );
    });
  }
}
