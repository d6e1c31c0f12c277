import type { ComponentChildren, VNode } from "preact";
import { render } from "preact-render-to-string";
import { LONGEST_SEARCH } from "../../routes/query-parameters.js";
import type { AssetPaths } from "../assets.js";
import { consolePath } from "../console-path.js";
import type { LiveState, Page } from "../page.js";
import type { Notice } from "../sessions.js";
import { Button, Form } from "./forms.js";

export interface PageView {
  readonly page: Page;
  /** A page without it stays as it is. */
  readonly live: LiveState | null;
  /** `username` is null if nobody is signed in. */
  readonly username: string | null;
  readonly formToken: string;
  readonly notice: Notice | null;
  readonly assets: AssetPaths;
}

/** Returns a whole document. */
export function renderPage(view: PageView): string {
  return `<!doctype html>\n${render(<Document {...view} />)}\n`;
}

function Document({ page, live, username, formToken, notice, assets }: PageView): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{tabTitle(page)}</title>
        <link rel="icon" href={assets.icon} type="image/svg+xml" />
        <link rel="stylesheet" href={assets.style} />
        <script type="module" src={assets.script} />
        {live && <script type="module" src={assets.live} />}
      </head>
      <body>
        <a class="skip-link" href="#content">
          Skip to content
        </a>
        <TopBar username={username} formToken={formToken} icon={assets.icon} live={live} searchText={page.searchText} />
        <main
          id="content"
          tabIndex={-1}
          class={page.isNarrow ? "narrow" : undefined}
          data-topic={live?.topic}
          data-version={live?.version}
        >
          <Breadcrumb page={page} />
          <header class="page-header" data-live={live === null ? undefined : "page-header"}>
            <h1>{page.title}</h1>
            {page.aside}
          </header>
          {page.callback && <CallbackTabs {...page.callback} />}
          <div class="notices" aria-live="polite">
            {notice && <NoticeAlert {...notice} />}
          </div>
          {page.content}
          {live && <p class="visually-hidden" aria-live="polite" id="changes" />}
        </main>
      </body>
    </html>
  );
}

/** An example: "Calls · Replies · whcb". A tab shows only its beginning. */
function tabTitle({ title, shortTitle = title, breadcrumb = [] }: Page): string {
  const [callback] = breadcrumb;
  return [shortTitle, ...(callback ? [callback.text] : []), "whcb"].join(" · ");
}

/** Goes on to `url` as if from a page of our own. */
export function renderForward(url: string): string {
  return `<!doctype html>\n${render(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content={`0; url=${url}`} />
        <title>whcb</title>
      </head>
      <body>
        <a href={url}>Continue</a>
      </body>
    </html>,
  )}\n`;
}

function TopBar({
  username,
  formToken,
  icon,
  live,
  searchText,
}: Pick<PageView, "username" | "formToken" | "live"> & { icon: string; searchText: string | undefined }): VNode {
  return (
    <header class="top-bar">
      <a class="product" href="/console">
        <img src={icon} alt="" width="20" height="20" />
        whcb
      </a>
      {username !== null && (
        <>
          <nav aria-label="Main">
            <a href="/console">Callbacks</a>
            <a href="/console/audit">Audit</a>
          </nav>
          {live && <Freshness at={live.madeAt} />}
          {/* biome-ignore lint/a11y/useSemanticElements: browsers don't know <search> yet */}
          <form class="search-anything" role="search" action="/console/search">
            <input
              name="q"
              type="search"
              value={searchText}
              placeholder="Callback, number, e-mail or id"
              aria-label="Search callbacks and calls"
              maxLength={LONGEST_SEARCH}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
            />
          </form>
          <div class="user">
            <button type="button" class="button button-quiet zone-switch" data-switch-zone="" hidden>
              <span>Times: </span>
              <span data-zone-choice="" />
            </button>
            <span class="username" title={username}>
              {username}
            </span>
            <Form action="/console/sign-out" formToken={formToken}>
              <Button kind="quiet">Sign out</Button>
            </Form>
          </div>
        </>
      )}
    </header>
  );
}

/** The script says "live" here as long as that is true. */
function Freshness({ at }: { at: number }): VNode {
  const iso = new Date(at).toISOString();
  return (
    <p class="freshness" id="freshness">
      {"as of "}
      <time datetime={iso} data-local="time">{`${iso.slice(11, 19)} UTC`}</time>
    </p>
  );
}

function Breadcrumb({ page }: { page: Page }): VNode | null {
  if (page.breadcrumb === undefined) return null;
  return (
    <nav class="breadcrumb" aria-label="Breadcrumb">
      <ol>
        {[{ text: "Callbacks", href: "/console" }, ...page.breadcrumb].map(({ text, href }) => (
          <li key={href}>
            <a href={href}>{text}</a>
          </li>
        ))}
        <li>
          <span aria-current="page">{page.shortTitle ?? page.title}</span>
        </li>
      </ol>
    </nav>
  );
}

const TABS = [
  { tab: "calls", text: "Calls", path: "calls" },
  { tab: "outages", text: "Outages", path: "outages" },
  { tab: "replays", text: "Replays", path: "replays" },
  { tab: "settings", text: "Settings", path: "edit" },
] as const;

/** Returns the name of a callback's tab. */
export function tabText(tab: NonNullable<Page["callback"]>["tab"]): string {
  return TABS.find((one) => one.tab === tab)?.text ?? tab;
}

function CallbackTabs({ id, tab }: NonNullable<Page["callback"]>): VNode {
  return (
    <nav class="tabs" aria-label="Callback">
      {TABS.map((one) => (
        <a key={one.tab} href={consolePath(id, one.path)} aria-current={one.tab === tab ? "page" : undefined}>
          {one.text}
        </a>
      ))}
    </nav>
  );
}

function NoticeAlert({ kind, text, link }: Notice): VNode {
  return (
    <Alert kind={kind}>
      {text} {link && <a href={link.href}>{link.text}</a>}
    </Alert>
  );
}

export function Alert({ kind, children }: { kind: Notice["kind"] | "info"; children: ComponentChildren }): VNode {
  return (
    <div class={`alert alert-${kind}`} role={kind === "problem" ? "alert" : "status"}>
      {children}
    </div>
  );
}

export function ErrorPage({
  detail,
  requestId,
  wasForm,
  signInAt,
}: {
  detail: string;
  requestId: string;
  wasForm: boolean;
  /** It is null if signing in doesn't help. */
  signInAt: string | null;
}): VNode {
  return (
    <section class="error-page">
      <p>{detail}.</p>
      {wasForm && <p>Nothing was changed.</p>}
      <p>{signInAt === null ? <a href="/console">All callbacks</a> : <a href={signInAt}>Sign in</a>}</p>
      <p class="muted">
        Request <code>{requestId}</code>
      </p>
    </section>
  );
}
