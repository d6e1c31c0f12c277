import type { Client } from "../../../client/client.js";
import type { CallbackSettings } from "../../../domain/callback.js";
import { isWhcbError, WhcbError } from "../../../domain/errors.js";
import type { ParsedArgs } from "../../args/parsed-args.js";
import type { Invocation } from "../../invocation.js";
import { commandLine } from "../../output/confirm.js";
import { withHint } from "../../output/render-error.js";
import { safeJson } from "../../output/sanitize.js";
import { withSession } from "../../settings/session.js";
import { callbackJson, renderCallback } from "./callback-columns.js";
import { EMAIL, NAME, URL_FLAG } from "./callback-flags.js";
import { chooseCallbackKey } from "./callback-key.js";
import { readSettingFlags } from "./callback-settings.js";

export function run(invocation: Invocation): Promise<number> {
  const required = readRequired(invocation.args);
  return withSession(invocation, async ({ client }) => {
    const { screen, args } = invocation;
    const { key, isNew } = await chooseCallbackKey(invocation);
    const { authType, ...changes } = readSettingFlags(args);
    const settings: CallbackSettings = { ...DEFAULTS, ...changes, ...required, auth: { type: authType ?? "httpheader", key } };
    const callback = await client.createCallback(settings).catch(async (error: unknown) => {
      throw isWhcbError(error) ? await explain(client, error, required) : error;
    });
    if (screen.format === "json") {
      await screen.out(`${safeJson(callbackJson({ ...callback, auth: { ...callback.auth, key } }, isNew), 2)}\n`);
    } else {
      await screen.out(renderCallback({ ...callback, auth: { ...callback.auth, key } }, screen.renderOptions, isNew));
      if (isNew)
        screen.info("the key was made up for this callback: give it to the endpoint; it isn't shown again without --show-key");
    }
    return 0;
  });
}

const DEFAULTS = {
  contentType: "json",
  removeHtml: false,
  retriesEnabled: false,
  events: { reply: true, undeliverable: true },
} as const satisfies Partial<CallbackSettings>;

function readRequired(args: ParsedArgs): Pick<CallbackSettings, "name" | "url" | "email"> {
  const [name, url, email] = [args.get(NAME), args.get(URL_FLAG), args.get(EMAIL)];
  const missing = [name === undefined ? "--name" : "", url === undefined ? "--url" : "", email === undefined ? "--email" : ""];
  if (name === undefined || url === undefined || email === undefined) {
    throw new WhcbError("usage", `a callback needs ${missing.filter((flag) => flag !== "").join(", ")}`, {
      hint: "whcb callbacks create --name demo --url http://127.0.0.1:9000/hook --email ops@example.com",
    });
  }
  return { name, url, email };
}

/** Over HTTP both troubles are a plain 400, so the service is asked which of the two it was. */
async function explain(
  client: Client,
  error: WhcbError,
  { name, url }: Pick<CallbackSettings, "name" | "url">,
): Promise<WhcbError> {
  if (error.code !== "malformed" && error.code !== "duplicate-name" && error.code !== "endpoint-check-failed") return error;
  const others = await client.listCallbacks().catch(() => []);
  if (others.some((other) => other.name === name)) {
    return withHint(error, `\`${commandLine(["callbacks", "update", name])}\` changes that one`);
  }
  const port = /^http:\/\/(?:127\.0\.0\.1|localhost):(\d+)/.exec(url)?.[1];
  return withHint(
    error,
    port === undefined
      ? "the URL must answer a GET with 200; make it do so, then try again"
      : `start the endpoint first; \`whcb listen --port ${port}\` stands in for one`,
  );
}
