import { defaultCallbackUrls } from "./tradestation/sign_in.ts";

/** The settings at the start, which a test changes. `Emulator` documents them. */
export class EmulatorSettings {
  tokenLifetimeS: number | undefined = undefined;
  latencyMs = 0;
  orderDelayMs = 0;
  orderListDelayMs = 0;
  scopes: string | undefined = undefined;
  rotation = false;
  isStateKeptOnDecline = true;
  listsConfirmIds = false;
  callbackUrls: readonly string[] = defaultCallbackUrls;
  endsStreamsWithToken = false;
  acksNameAccounts = false;
  batchesNotifications = false;
  wantsAuthAfterState = false;
}
