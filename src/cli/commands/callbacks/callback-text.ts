import type { ListedCallback } from "../../../client/client.js";
import { maskKey, shownUrl } from "../../../domain/mask.js";
import { type Column, renderFields } from "../../output/cells.js";
import { type CALLBACK_FIELDS, type Json, pauseJson, writeJson } from "../../output/json-fields.js";
import type { ListingStyle } from "../../output/listing.js";
import { pauseText } from "../../output/outage-text.js";
import type { Paint, Palette, RenderOptions, Screen } from "../../output/screen.js";
import type { ScreenText } from "../../output/screen-text.js";

/** --show-key shows "all". A new key is shown when it is created. */
export type ShownSecrets = "none" | "new-key" | "all";

const callbackColumns = (shown: ShownSecrets): readonly Column<ListedCallback>[] => [
  { key: "name", title: "NAME", value: ({ name }) => name, least: 12 },
  { key: "id", title: "ID", value: ({ id }) => id, dropRank: 2 },
  {
    key: "retries",
    title: "RETRIES",
    value: ({ retriesEnabled }) => onOff(retriesEnabled),
    paint: ({ retriesEnabled }, palette) => retriesPaint(retriesEnabled, palette),
  },
  { key: "url", title: "URL", value: (callback) => urlOf(callback, shown), least: 12 },
  { key: "email", title: "E-MAIL", value: ({ email }) => email ?? UNKNOWN, least: 10, dropRank: 4 },
  { key: "content-type", title: "TYPE", value: ({ contentType }) => contentType ?? UNKNOWN, onDemand: true },
  { key: "auth", title: "AUTH", value: ({ auth }) => auth.type ?? UNKNOWN, onDemand: true },
  { key: "remove-html", title: "REMOVE HTML", value: ({ removeHtml }) => onOff(removeHtml), onDemand: true },
  { key: "replies", title: "REPLIES", value: ({ events }) => onOff(events.reply), onDemand: true },
  { key: "undeliverable", title: "UNDELIVERABLE", value: ({ events }) => onOff(events.undeliverable), onDemand: true },
  { key: "signing", title: "SIGNING", value: ({ isSigned }) => onOff(isSigned), onDemand: true },
  {
    key: "paused-until",
    title: "PAUSED UNTIL",
    value: ({ pause }) => pause && (pause.until ?? "it is resumed"),
    kind: "instant",
    isOptional: true,
  },
  { key: "paused-by", title: "PAUSED BY", value: ({ pause }) => pause?.by ?? null, isOptional: true, dropRank: 1 },
];

export function callbackListing(shown: ShownSecrets): ListingStyle<ListedCallback> {
  return { columns: callbackColumns(shown), toJson: (callback) => callbackJson(callback, shown), toId: ({ id }) => id };
}

export async function showCallback(callback: ListedCallback, screen: Screen, shown: ShownSecrets): Promise<void> {
  if (screen.format === "json") await writeJson(callbackJson(callback, shown), screen);
  else await screen.out(renderCallback(callback, screen.renderOptions, shown));
}

function callbackJson(callback: ListedCallback, shown: ShownSecrets): Json<typeof CALLBACK_FIELDS> {
  const { auth } = callback;
  return {
    id: callback.id,
    name: callback.name,
    url: urlOf(callback, shown),
    auth: { type: auth.type, key: auth.key === null ? null : shownKey({ type: auth.type, key: auth.key }, shown) },
    contentType: callback.contentType,
    removeHTML: callback.removeHtml,
    retriesEnabled: callback.retriesEnabled,
    email: callback.email,
    callbacks: { reply: callback.events.reply, undeliverable: callback.events.undeliverable },
    signing: callback.isSigned,
    signingSecret: callback.signingSecret,
    paused: pauseJson(callback),
  };
}

export function renderCallback(callback: ListedCallback, options: RenderOptions, shown: ShownSecrets): ScreenText {
  const { auth, events } = callback;
  const url = urlOf(callback, shown);
  return renderFields(
    [
      ["Name", callback.name],
      ["Id", callback.id],
      ["URL", url === callback.url ? url : `${url} ${HOW_TO_SHOW}`],
      ["Auth", auth.type ?? UNKNOWN],
      ["Key", keyText(auth, shown)],
      ["Content type", callback.contentType ?? UNKNOWN],
      ["Remove HTML", onOff(callback.removeHtml)],
      ["Retries", onOff(callback.retriesEnabled), retriesPaint(callback.retriesEnabled, options.palette)],
      ["Replies", onOff(events.reply)],
      ["Undeliverable", onOff(events.undeliverable)],
      ["E-mail", callback.email ?? UNKNOWN],
      // Only our service has it.
      ...(callback.isSigned ? ([["Signing", "on"]] as const) : []),
      ...(callback.signingSecret === null ? [] : ([["Secret", callback.signingSecret]] as const)),
      ...(callback.pause === null ? [] : [["State", pauseText(callback.pause, options.utc), options.palette.warn] as const]),
    ],
    options.palette,
  );
}

/** A setting that wasn't returned is never shown as off. */
const UNKNOWN = "unknown";

function onOff(isOn: boolean | null): string {
  return isOn === null ? UNKNOWN : isOn ? "on" : "off";
}

function retriesPaint(isOn: boolean | null, palette: Palette): Paint {
  return isOn === null ? palette.dim : isOn ? palette.good : palette.warn;
}

const HOW_TO_SHOW = "(--show-key shows it)";

function urlOf(callback: ListedCallback, shown: ShownSecrets): string {
  return shown === "all" ? callback.url : shownUrl(callback);
}

function shownKey(auth: Parameters<typeof maskKey>[0], shown: ShownSecrets): string {
  return auth.key === "" || shown !== "none" ? auth.key : maskKey(auth);
}

function keyText({ type, key }: ListedCallback["auth"], shown: ShownSecrets): string {
  if (key === null) return UNKNOWN;
  if (key === "") return "none (no credential is sent)";
  return `${shownKey({ type, key }, shown)}${shown === "none" ? ` ${HOW_TO_SHOW}` : ""}`;
}
