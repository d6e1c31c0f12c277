import type { AuthType, CallbackSettings } from "../../../domain/callback.js";
import type { ParsedArgs } from "../../args/parsed-args.js";
import { AUTH, CONTENT_TYPE, EMAIL, NAME, REMOVE_HTML, REPLIES, RETRIES, UNDELIVERABLE, URL_FLAG } from "./callback-flags.js";

export type SettingChanges = Partial<Omit<CallbackSettings, "auth" | "events">> & {
  readonly authType?: AuthType;
  readonly events?: CallbackSettings["events"];
};

/** What was named on the command line, and nothing else. `before`: the events that stay where only one of them is named. */
export function readSettingFlags(
  args: ParsedArgs,
  before: CallbackSettings["events"] = { reply: true, undeliverable: true },
): SettingChanges {
  const name = args.get(NAME);
  const url = args.get(URL_FLAG);
  const email = args.get(EMAIL);
  const contentType = args.get(CONTENT_TYPE);
  const authType = args.get(AUTH);
  const retries = args.get(RETRIES);
  const removeHtml = args.get(REMOVE_HTML);
  const replies = args.get(REPLIES);
  const undeliverable = args.get(UNDELIVERABLE);
  return {
    ...(name === undefined ? {} : { name }),
    ...(url === undefined ? {} : { url }),
    ...(email === undefined ? {} : { email }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(authType === undefined ? {} : { authType }),
    ...(retries === undefined ? {} : { retriesEnabled: retries === "on" }),
    ...(removeHtml === undefined ? {} : { removeHtml: removeHtml === "on" }),
    ...(replies === undefined && undeliverable === undefined
      ? {}
      : {
          events: {
            reply: replies === undefined ? before.reply : replies === "on",
            undeliverable: undeliverable === undefined ? before.undeliverable : undeliverable === "on",
          },
        }),
  };
}
