import type { VNode } from "preact";
import type { Callback } from "../../../domain/callback.js";
import type { ServerDeps } from "../../server-deps.js";
import type { Page } from "../page.js";
import { EndpointBadge, healthOf } from "./endpoint-badge.js";

/** A page about a callback: below its tabs, with its endpoint's state. */
export async function callbackPage(
  { store }: ServerDeps,
  { id, name, events }: Callback,
  page: {
    readonly title: string;
    readonly content: VNode;
    /** Between the callback and this page. */
    readonly trail?: NonNullable<Page["breadcrumb"]>;
    readonly status?: number;
    /** calls */
    readonly tab?: NonNullable<Page["callback"]>["tab"];
  },
): Promise<Page> {
  const { title, content, trail, status = 200, tab = "calls" } = page;
  const [record] = await store.endpoints.list([id]);
  return {
    title,
    content,
    status,
    aside: (
      <>
        {/* Of the callback, where the title names something else. */}
        {trail !== undefined && <span class="muted">{name}</span>}
        <span data-announce={name}>
          <EndpointBadge {...healthOf(record, events.reply || events.undeliverable)} />
        </span>
      </>
    ),
    callback: { id, tab },
    breadcrumb: [
      { text: "Callbacks", href: "/console" },
      ...(trail === undefined ? [] : [{ text: name, href: callsUrl(id) }, ...trail]),
    ],
  };
}

/** Below /console/callbacks/:id. */
export function callsUrl(callbackId: string, ...parts: readonly string[]): string {
  const path = parts.length === 0 ? ["calls"] : parts;
  return `/console/callbacks/${[callbackId, ...path].map(encodeURIComponent).join("/")}`;
}
