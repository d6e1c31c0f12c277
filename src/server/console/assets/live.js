/**
 * Keeps a page up to date: elements with `data-live` become those of the same name of the page as it is now. All visible tabs share the
 * one stream of a shared worker, which is this file too: a browser opens only six connections to a host. Without shared workers, a
 * visible tab has a stream of its own.
 */

import { Idiomorph } from "idiomorph";

const PING_MS = 20_000;
/** A page isn't live after so much time without a heartbeat. The service sends one every second while its database answers. */
const STALE_MS = 5_000;
/** A connection without one for so long is given up: after a computer's sleep, it may be gone. */
const SILENT_MS = 10_000;
const LONGEST_PAUSE_MS = 10_000;
/** So much time passes between two refreshes, and more if one takes long. */
const REFRESH_MS = 1000;
const REFRESH_SHARE = 5;
const LONGEST_REFRESH_MS = 10_000;

const NOTICES_KEY = "whcb-notices";

/** Elements are known again by their id. The reader decides whether details are open. */
const MORPHING = {
  callbacks: { beforeAttributeUpdated: (name, { localName }) => name !== "open" || localName !== "details" },
};

if ("SharedWorkerGlobalScope" in globalThis) serveTabs();
else followPage();

// The stream

/**
 * `onMessage` gets { versions } by topic, { heartbeatAt } by the service's clock, { isSignedOut: true }, or { failure } after a try:
 * the status of the answer, or null without one.
 */
function createStream(onMessage) {
  let topics = "";
  let ending = new AbortController();
  return {
    /** Follows these topics; none ends the stream. */
    watch(wanted) {
      const next = new URLSearchParams([...new Set(wanted)].sort().map((topic) => ["topic", topic])).toString();
      if (next === topics) return;
      topics = next;
      ending.abort();
      ending = new AbortController();
      const { signal } = ending;
      if (topics !== "") {
        follow(topics, signal, onMessage).finally(() => {
          // After a sign-out the next ping tries again.
          if (!signal.aborted) topics = "";
        });
      }
    },
  };
}

/** Follows until it is aborted or the session has ended. After a failure it tries again, with growing pauses. */
async function follow(topics, signal, onMessage) {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const connection = new AbortController();
    const end = () => connection.abort();
    let silence = setTimeout(end, SILENT_MS);
    signal.addEventListener("abort", end, { once: true });
    let pauseMs = backOffMs(failures);
    try {
      const answer = await fetch(`/console/events?${topics}`, { signal: connection.signal, cache: "no-store" });
      if (answer.status === 401) return onMessage({ isSignedOut: true });
      if (!answer.ok) {
        pauseMs = answer.headers.get("retry-after") * 1000 || pauseMs;
        onMessage({ failure: answer.status });
      } else {
        await readEvents(answer.body, (message) => {
          failures = 0;
          clearTimeout(silence);
          silence = setTimeout(end, SILENT_MS);
          onMessage(message);
        });
      }
    } catch {
      if (!signal.aborted) onMessage({ failure: null });
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
    }
    await pause(pauseMs, signal);
  }
}

function backOffMs(failures) {
  return Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures) * (0.5 + Math.random() / 2);
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

const HEARTBEAT = "event: heartbeat\ndata: ";

async function readEvents(body, onMessage) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      if (event.startsWith("data: ")) onMessage({ versions: JSON.parse(event.slice("data: ".length)) });
      if (event.startsWith(HEARTBEAT)) onMessage({ heartbeatAt: Number(event.slice(HEARTBEAT.length)) });
    }
  }
}

// The shared worker

/** A tab says what it follows, and again every PING_MS. Once it is hidden or left, that is null. */
function serveTabs() {
  const tabs = new Map();
  let known = {};
  let failure = null;
  const stream = createStream((message) => {
    known = { ...known, ...message.versions };
    failure = message.failure ?? null;
    for (const tab of tabs.keys()) tab.postMessage(message);
  });
  const update = () => stream.watch([...tabs.values()].map(({ topic }) => topic));

  addEventListener("connect", ({ ports: [tab] }) => {
    tab.onmessage = ({ data: topic }) => {
      if (topic === null) tabs.delete(tab);
      else tabs.set(tab, { topic, heardAt: Date.now() });
      update();
      if (topic in known) tab.postMessage({ versions: { [topic]: known[topic] } });
      if (failure !== null) tab.postMessage({ failure });
    };
  });
  // A tab that crashed says nothing any more.
  setInterval(() => {
    for (const [tab, { heardAt }] of tabs) if (Date.now() - heardAt > 3 * PING_MS) tabs.delete(tab);
    update();
  }, PING_MS);
}

// The page

function followPage() {
  showKeptNotices();
  const { topic, version } = document.querySelector("main[data-topic]").dataset;
  const showFreshness = createFreshness();
  /** The page shows this version, which was current at `currentAt` by the service's clock. */
  let shown = version;
  let currentAt = Date.parse(document.querySelector("#freshness time").dateTime);
  let latest = version;
  let heardAt = instant();
  let visibleAt = instant();
  let failure = null;
  let isSignedOut = false;
  let isGone = false;
  let isRefreshing = false;
  let failedRefreshes = 0;
  const isVisible = () => document.visibilityState === "visible";

  const tell = connect((message) => {
    if (topic in (message.versions ?? {})) latest = message.versions[topic];
    if (message.isSignedOut) isSignedOut = true;
    if ("failure" in message) failure = message.failure;
    if ("heartbeatAt" in message) {
      heardAt = instant();
      [failure, isSignedOut] = [null, false];
      if (shown === latest) currentAt = message.heartbeatAt;
    }
    refresh();
    show();
  });
  const update = () => tell(isVisible() ? topic : null);
  const comeBack = () => {
    visibleAt = instant();
    update();
    show();
  };
  document.addEventListener("visibilitychange", comeBack);
  addEventListener("pageshow", comeBack);
  addEventListener("pagehide", () => tell(null));
  setInterval(update, PING_MS);
  setInterval(show, 1000);
  update();

  function show() {
    if (!isVisible()) return;
    const isStale = isOlder(heardAt, STALE_MS);
    // A tab that was hidden has had no connection, and may get one at once.
    const isLost = isStale && isOlder(visibleAt, STALE_MS);
    if (isSignedOut) showFreshness(currentAt, "signed-out");
    else if (isGone) showFreshness(currentAt, "gone");
    else if (isLost) showFreshness(currentAt, failure === null ? "no-connection" : failure === 429 ? "too-many" : "fault");
    else if (failedRefreshes > 2) showFreshness(currentAt, "fault");
    else showFreshness(isStale ? currentAt : null, null);
  }

  /** Refreshes until the page shows the latest version, with pauses between. */
  async function refresh() {
    if (isRefreshing) return;
    isRefreshing = true;
    while (shown !== latest && isVisible() && !isGone && !isSignedOut) {
      const wanted = latest;
      const beganAt = performance.now();
      const { status, madeAt } = await refreshOnce().catch(() => ({ status: null, madeAt: null }));
      isSignedOut = status === 401;
      isGone = status === 404;
      failedRefreshes = madeAt === null ? failedRefreshes + 1 : 0;
      if (madeAt !== null) [shown, currentAt] = [wanted, madeAt];
      show();
      const gap = Math.max(REFRESH_MS, (performance.now() - beganAt) * REFRESH_SHARE);
      await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_REFRESH_MS, gap)));
    }
    isRefreshing = false;
  }
}

/** One clock stops while a computer sleeps, and the other one may be set. */
function instant() {
  return { now: Date.now(), running: performance.now() };
}

function isOlder({ now, running }, ms) {
  return Date.now() - now > ms || performance.now() - running > ms;
}

/** Returns the function that says what the page follows. */
function connect(onMessage) {
  if ("SharedWorker" in globalThis) {
    const { port } = new SharedWorker(import.meta.url, { type: "module", name: "whcb" });
    port.onmessage = ({ data }) => onMessage(data);
    return (topic) => port.postMessage(topic);
  }
  const stream = createStream(onMessage);
  return (topic) => stream.watch(topic === null ? [] : [topic]);
}

/** Returns the status, and when the page was made by the service's clock: null if there is none. */
async function refreshOnce() {
  const answer = await fetch(location.href, { headers: { "x-refresh": "1" }, cache: "no-store" });
  const { status } = answer;
  if (!answer.ok) return { status, madeAt: null };
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Other scripts add their part to the new page.
  document.dispatchEvent(new CustomEvent("refresh", { detail: fresh }));
  const before = states();
  const { activeElement } = document;
  if (hasOtherParts(fresh) && !activeElement?.matches("input, select")) reload();
  for (const part of document.querySelectorAll("[data-live]")) {
    const wanted = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (wanted !== null) Idiomorph.morph(part, wanted, MORPHING);
  }
  // Moved elements lose the focus.
  if (document.activeElement !== activeElement && activeElement.isConnected) activeElement.focus({ preventScroll: true });
  announce(before, states());
  return { status, madeAt: Date.parse(fresh.querySelector("#freshness time").dateTime) };
}

/** What the page says stays, as it may lead to an undo. */
function reload() {
  const notices = [...document.querySelectorAll(".notices > :not([data-outdated])")].map(({ outerHTML }) => outerHTML);
  sessionStorage.setItem(NOTICES_KEY, JSON.stringify({ url: location.href, notices }));
  location.reload();
}

function showKeptNotices() {
  const { url, notices = [] } = JSON.parse(sessionStorage.getItem(NOTICES_KEY) ?? "{}");
  sessionStorage.removeItem(NOTICES_KEY);
  if (url !== location.href) return;
  const kept = new DOMParser().parseFromString(notices.join(""), "text/html");
  document.querySelector(".notices").prepend(...kept.body.children);
}

/** Where a list is empty, its form is left out too. */
function hasOtherParts(fresh) {
  const isReplaced = (from, to) =>
    [...from.querySelectorAll("[data-instead-of]")].some(({ dataset }) => to.querySelector(`[data-live="${dataset.insteadOf}"]`));
  return isReplaced(document, fresh) || isReplaced(fresh, document);
}

/** Returns what each element with `data-announce` says, by its name. */
function states() {
  const elements = [...document.querySelectorAll("[data-live] [data-announce]")];
  return new Map(elements.map((element) => [element.dataset.announce, element.textContent.trim()]));
}

function announce(before, after) {
  const changed = [...after].filter(([name, text]) => before.has(name) && before.get(name) !== text);
  if (changed.length === 0) return;
  const texts = changed.slice(0, 3).map(([name, text]) => `${name}: ${text}.`);
  if (changed.length > texts.length) texts.push(`${changed.length - texts.length} more changes.`);
  document.querySelector("#changes").textContent = texts.join(" ");
}

const NOTICES = {
  "signed-out": ["You are signed out, and this page is no longer kept up to date: it shows the state at ", "."],
  gone: ["This is how it was at ", ": what this page shows no longer exists."],
  "no-connection": ["No connection since ", ". This page shows the state at that time. Reconnecting…"],
  "too-many": ["Too many pages are kept up to date. This one shows the state at ", ". Trying again…"],
  fault: ["The service can't show what is new. This page shows the state at ", ". Trying again…"],
};

/** Returns the function that says in the page's head since when it isn't live, and why above the page. Screen readers announce changes. */
function createFreshness() {
  const label = document.querySelector("#freshness");
  let said = "";
  return (at, reason) => {
    const saying = `${at} ${reason}`;
    if (saying === said) return;
    label.replaceChildren(...(at === null ? ["live"] : ["as of ", timeOf(at)]));
    label.classList.toggle("is-live", at === null);
    const before = document.querySelector("[data-outdated]");
    before?.remove();
    if (reason !== null) document.querySelector(".notices").append(outdatedNotice(at, reason));
    else if (before !== null) document.querySelector("#changes").textContent = "This page is kept up to date again.";
    said = saying;
  };
}

function outdatedNotice(at, reason) {
  const notice = document.createElement("div");
  notice.className = "alert alert-info";
  notice.dataset.outdated = "";
  const [before, after] = NOTICES[reason];
  notice.append(before, timeOf(at), after);
  if (reason === "signed-out") {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Sign in again";
    notice.append(" ", link);
  }
  return notice;
}

/** Another script completes times, as in a page that is new. */
function timeOf(at) {
  const [day, time] = new Date(at).toISOString().split(/[T.]/);
  const element = document.createElement("time");
  element.dateTime = new Date(at).toISOString();
  element.dataset.local = "time";
  element.textContent = new Date().toISOString().startsWith(day) ? `${time} UTC` : `${day} ${time} UTC`;
  const part = document.createDocumentFragment();
  part.append(element);
  document.dispatchEvent(new CustomEvent("refresh", { detail: part }));
  return part;
}
