import type { AuthType, CallbackSettings } from "../../../domain/callback.js";
import type { Words } from "../../args/parsed-args.js";
import { AUTH, CONTENT_TYPE, EMAIL, NAME, REMOVE_HTML, REPLIES, RETRIES, UNDELIVERABLE, URL_FLAG } from "./callback-flags.js";

export type SettingChanges = Partial<Omit<CallbackSettings, "auth" | "events">> & {
  readonly authType?: AuthType;
  readonly events?: CallbackSettings["events"];
};

/** What was named on the command line, and nothing else. `before`: the events that stay where only one of them is named. */
export function readSettingFlags(
  words: Words,
  before: CallbackSettings["events"] = { reply: true, undeliverable: true },
): SettingChanges {
  const name = words.get(NAME);
  const url = words.get(URL_FLAG);
  const email = words.get(EMAIL);
  const contentType = words.get(CONTENT_TYPE);
  const authType = words.get(AUTH);
  const retries = words.get(RETRIES);
  const removeHtml = words.get(REMOVE_HTML);
  const replies = words.get(REPLIES);
  const undeliverable = words.get(UNDELIVERABLE);
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
