/** A callback as a list row, as JSON and as text. Its key is masked unless --show-key is given. */
import type { ListedCallback } from "../../../client/client.js";
import { maskKey } from "../../../domain/mask.js";
import type { Column } from "../../output/cells.js";
import { renderFields } from "../../output/cells.js";
import type { ListingStyle } from "../../output/listing.js";
import { safeJson } from "../../output/sanitize.js";
import type { RenderOptions, Screen } from "../../output/screen.js";

const COLUMNS: readonly Column<ListedCallback>[] = [
  { key: "name", title: "NAME", value: ({ name }) => name, least: 12 },
  { key: "id", title: "ID", value: ({ id }) => id, dropRank: 2 },
  {
    key: "retries",
    title: "RETRIES",
    value: ({ retriesEnabled }) => onOff(retriesEnabled),
    paint: ({ retriesEnabled }, palette) => (retriesEnabled ? palette.good : palette.warn),
  },
  { key: "url", title: "URL", value: ({ url }) => url, least: 12 },
  { key: "email", title: "E-MAIL", value: ({ email }) => email, least: 10, dropRank: 4 },
  { key: "content-type", title: "TYPE", value: ({ contentType }) => contentType, onDemand: true },
  { key: "auth", title: "AUTH", value: ({ auth }) => auth.type, onDemand: true },
  { key: "remove-html", title: "REMOVE HTML", value: ({ removeHtml }) => onOff(removeHtml), onDemand: true },
  { key: "replies", title: "REPLIES", value: ({ events }) => onOff(events.reply), onDemand: true },
  { key: "undeliverable", title: "UNDELIVERABLE", value: ({ events }) => onOff(events.undeliverable), onDemand: true },
];

export const CALLBACK_LISTING: ListingStyle<ListedCallback> = {
  columns: COLUMNS,
  toJson: (callback) => callbackJson(callback, false),
  toId: ({ id }) => id,
};

/** Writes one callback as JSON or text. */
export async function showCallback(callback: ListedCallback, screen: Screen, showKey: boolean): Promise<void> {
  await screen.out(
    screen.format === "json"
      ? `${safeJson(callbackJson(callback, showKey), 2)}\n`
      : renderCallback(callback, screen.renderOptions, showKey),
  );
}

/** A documented contract. `auth.key` is null if the service doesn't return it. */
function callbackJson(callback: ListedCallback, showKey: boolean): Readonly<Record<string, unknown>> {
  const { auth } = callback;
  return {
    id: callback.id,
    name: callback.name,
    url: callback.url,
    auth: { type: auth.type, key: auth.key === "" ? null : showKey ? auth.key : maskKey(auth.key) },
    contentType: callback.contentType,
    removeHTML: callback.removeHtml,
    retriesEnabled: callback.retriesEnabled,
    email: callback.email,
    callbacks: { reply: callback.events.reply, undeliverable: callback.events.undeliverable },
  };
}

export function renderCallback(callback: ListedCallback, options: RenderOptions, showKey: boolean): string {
  const { auth, events } = callback;
  const key =
    auth.key === "" ? "not returned by this service" : showKey ? auth.key : `${maskKey(auth.key)} (--show-key shows it)`;
  return renderFields(
    [
      ["Name", callback.name],
      ["Id", callback.id],
      ["URL", callback.url],
      ["Auth", auth.type],
      ["Key", key],
      ["Content type", callback.contentType],
      ["Remove HTML", onOff(callback.removeHtml)],
      ["Retries", onOff(callback.retriesEnabled), callback.retriesEnabled ? options.palette.good : options.palette.warn],
      ["Replies", onOff(events.reply)],
      ["Undeliverable", onOff(events.undeliverable)],
      ["E-mail", callback.email],
    ],
    options.palette,
  );
}

function onOff(isOn: boolean): string {
  return isOn ? "on" : "off";
}
