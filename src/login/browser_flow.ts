/**
 * The conversation with the browser, from the first visit to the page that says how it ended.
 *
 * It asks for what is not known of the client, sends the browser to the broker, takes the one answer
 * that carries this login's `state`, and has the code exchanged, once. Everything else is answered
 * politely and changes nothing.
 */

import { Authorization, type AuthorizationContext } from "./authorization.ts";
import type { Reply, Visit } from "./callback_server.ts";
import { type Client, flawIn } from "../credential_options.ts";
import type { Credentials } from "../credentials.ts";
import { type LoginError, SessionError } from "../errors.ts";
import {
  alreadyDonePage,
  type ClientField,
  clientPage,
  declinedPage,
  failedPage,
  foreignFormPage,
  notAllowedPage,
  notFoundPage,
  type Page,
  signedInPage,
  strayPage,
} from "./pages.ts";
import { isSameSecret, oneTimeSecret } from "./pkce.ts";

/** Gets tokens for a code. */
export type Exchange = (authorization: Authorization, code: string) => Promise<Credentials>;

/** Where the browser is sent at the end, so that no code stays in its address bar. */
const END_PATH = "/done";

/** Where the user confirms that the broker has refused. */
const DECLINED_PATH = "/declined";

/** One login in the browser. */
export class BrowserLogin {
  readonly #known: Partial<Client>;
  readonly #context: AuthorizationContext;
  readonly #exchange: Exchange;
  readonly #callbackPath: string;
  readonly #origin: string;
  /** Goes into the form, and must come back with it. */
  readonly #formToken = oneTimeSecret();
  readonly #outcome: PromiseWithResolvers<Credentials> = Promise.withResolvers();
  /** The request that an answer is waited for; none before the client is known. */
  #authorization: Authorization | undefined;
  /** Runs from the first good answer on, and resolves to the last page. */
  #ending: Promise<void> | undefined;
  #lastPage: Page | undefined;
  /** The last refusal that came without proof: the user may confirm it. */
  #unproven: LoginError | undefined;

  constructor(known: Partial<Client>, context: AuthorizationContext, exchange: Exchange) {
    this.#known = known;
    this.#context = context;
    this.#exchange = exchange;
    const { pathname, origin } = new URL(context.redirectUri);
    this.#callbackPath = pathname;
    this.#origin = origin;
    this.#outcome.promise.catch(() => {}); // whoever waits gets it, and there may be nobody
    const { clientId, clientSecret } = known;
    if (clientId !== undefined && clientSecret !== undefined) {
      this.#authorization = new Authorization({ clientId, clientSecret }, context);
    }
  }

  /** The address to open: the broker's, or our own as long as there is something to ask. */
  get startUrl(): string {
    return this.#authorization?.url ?? `${this.#origin}/`;
  }

  /** Whether the answer has come: from then on the browser has nothing to do with how it ends. */
  get isAnswered(): boolean {
    return this.#ending !== undefined;
  }

  /** How it ended. */
  get credentials(): Promise<Credentials> {
    return this.#outcome.promise;
  }

  /** Answers one request. */
  async answer(visit: Visit): Promise<Reply> {
    const { method, path, query } = visit;
    const isCallback = path === this.#callbackPath && (path !== "/" || query.size > 0);
    if (isCallback && (path !== END_PATH || query.size > 0)) {
      return method === "GET" ? await this.#receive(visit) : notAllowed("GET");
    }
    if (path === END_PATH && this.#lastPage !== undefined) {
      return method === "GET"
        ? { status: 200, page: this.#lastPage, isLast: true }
        : notAllowed("GET");
    }
    if (path === DECLINED_PATH && this.#unproven !== undefined) {
      return method === "POST" ? await this.#confirm(visit, this.#unproven) : notAllowed("POST");
    }
    if (path !== "/") return { status: 404, page: notFoundPage() };
    if (this.#ending !== undefined) return this.#alreadyDone();
    if (method === "GET") return this.#start();
    if (method === "POST" && this.#fields().length > 0) return this.#submit(visit);
    return notAllowed(this.#fields().length > 0 ? "GET, POST" : "GET");
  }

  #start(): Reply {
    const authorization = this.#authorization;
    // Whoever comes back to the form may have to correct it.
    return authorization === undefined || this.#fields().length > 0
      ? { status: 200, page: this.#form() }
      : redirect(authorization.url);
  }

  /** Whether a form was sent by a page of this login. */
  #isOwnForm({ origin, form }: Visit): boolean {
    return origin === this.#origin && isSameSecret(form.get("token") ?? "", this.#formToken);
  }

  #submit(visit: Visit): Reply {
    if (!this.#isOwnForm(visit)) return { status: 403, page: foreignFormPage() };
    const { form } = visit;
    const client = { clientId: "", clientSecret: "", ...this.#known };
    for (const { name, label } of this.#fields()) {
      client[name] = form.get(name)?.trim() ?? "";
      const flaw = client[name] === "" ? "nothing in it" : flawIn(client[name]);
      if (flaw === undefined) continue;
      return {
        status: 400,
        page: this.#form(`The ${label.toLowerCase()} has ${flaw}. Copy it again`),
      };
    }
    this.#authorization = new Authorization(client, this.#context);
    return redirect(this.#authorization.url);
  }

  async #receive({ query, isNavigation }: Visit): Promise<Reply> {
    const { broker } = this.#context;
    const authorization = this.#authorization;
    const stray = (reason: string): Reply => ({
      status: 400,
      page: strayPage(broker.name, reason),
    });
    if (authorization === undefined) return stray("no login has begun yet");
    if (!isNavigation) return stray("the browser did not come by itself");
    const answer = authorization.read(query);
    if (answer.kind === "stray") return stray(answer.reason);
    if (answer.kind === "unproven") {
      if (this.#ending !== undefined) return this.#alreadyDone();
      // Any page can send the browser here, so the user has the last word.
      this.#unproven = answer.error;
      return { status: 400, page: declinedPage(broker.name, DECLINED_PATH, this.#formToken) };
    }
    if (this.#lastPage !== undefined) return this.#alreadyDone();
    // A reload or a second tab, while the code is exchanged, waits for the same end.
    this.#ending ??= this.#end(
      answer.kind === "code"
        ? this.#exchange(authorization, answer.code)
        : Promise.reject(answer.error),
    );
    await this.#ending;
    return redirect(END_PATH);
  }

  /** The user says that it was so. */
  async #confirm(visit: Visit, refusal: LoginError): Promise<Reply> {
    if (!this.#isOwnForm(visit)) return { status: 403, page: foreignFormPage() };
    this.#ending ??= this.#end(Promise.reject(refusal));
    await this.#ending;
    return redirect(END_PATH);
  }

  async #end(credentials: Promise<Credentials>): Promise<void> {
    const { name } = this.#context.broker;
    try {
      const gained = await credentials;
      this.#lastPage = signedInPage(name);
      this.#outcome.resolve(gained);
    } catch (error) {
      this.#lastPage = failedPage(
        name,
        error instanceof SessionError ? error.message : "The program has stopped the login",
      );
      this.#outcome.reject(error);
    }
  }

  #alreadyDone(): Reply {
    return { status: 410, page: alreadyDonePage(this.#context.broker.name) };
  }

  #form(complaint?: string): Page {
    const { broker, login } = this.#context;
    return clientPage({
      broker: broker.name,
      advice: login.clientAdvice,
      fields: this.#fields(),
      token: this.#formToken,
      complaint,
    });
  }

  /** What there is to ask for. */
  #fields(): ClientField[] {
    const { clientId, clientSecret } = this.#known;
    const idField: ClientField = {
      name: "clientId",
      label: "Client id",
      value: this.#authorization?.client.clientId ?? "",
    };
    const secretField: ClientField = { name: "clientSecret", label: "Client secret" };
    return [
      ...(clientId === undefined ? [idField] : []),
      ...(clientSecret === undefined ? [secretField] : []),
    ];
  }
}

/** RFC 9700 section 4.12: with 303, no browser sends the form on. */
function redirect(location: string): Reply {
  return { status: 303, headers: { location } };
}

function notAllowed(allow: string): Reply {
  return { status: 405, page: notAllowedPage(), headers: { allow } };
}
