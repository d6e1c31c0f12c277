import type { VNode } from "preact";
import type { Callback } from "../../../domain/callback.js";
import type { EndpointReport } from "../../../store/outcomes/endpoints.js";
import { consolePath } from "../console-path.js";
import type { Page } from "../page.js";
import { EndpointBadge, healthOf } from "./endpoint-badge.js";
import { tabText } from "./layout.js";

/** Makes a page about a callback, with its tabs and its endpoint's state. */
export function callbackPage(
  { id, name }: Callback,
  record: EndpointReport | undefined,
  page: {
    readonly title: string;
    readonly content: VNode;
    /** These pages are between the callback and this page. */
    readonly trail?: NonNullable<Page["breadcrumb"]>;
    readonly status?: number;
    readonly tab?: NonNullable<Page["callback"]>["tab"];
  },
): Page {
  const { title, content, trail, status = 200, tab = "calls" } = page;
  return {
    title,
    ...(trail === undefined && { shortTitle: tabText(tab) }),
    content,
    status,
    aside: (
      <>
        {/* The title names something else than the callback. */}
        {trail !== undefined && <span class="muted">{name}</span>}
        <span data-announce={name}>
          <EndpointBadge {...healthOf(record)} />
        </span>
      </>
    ),
    callback: { id, tab },
    breadcrumb: [{ text: name, href: consolePath(id) }, ...(trail ?? [])],
  };
}
