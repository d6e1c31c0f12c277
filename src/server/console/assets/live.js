/**
 * Keeps a page up to date: elements with `data-live` become those of the same name of the page as it is now. All visible tabs share the
 * one stream of a shared worker, which is this file too: a browser opens only six connections to a host. Without shared workers, a
 * visible tab has a stream of its own.
 */

import { Idiomorph } from "idiomorph";

const PING_MS = 20_000;
/** The service sends something every 20 s. */
const SILENT_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;
/** So much time passes between two refreshes, and more if one takes long. */
const REFRESH_MS = 1000;
const REFRESH_SHARE = 5;
const LONGEST_REFRESH_MS = 10_000;

/** Elements are known again by their id. The reader decides whether details are open. */
const MORPHING = {
  callbacks: { beforeAttributeUpdated: (name, { localName }) => name !== "open" || localName !== "details" },
};

if ("SharedWorkerGlobalScope" in globalThis) serveTabs();
else followPage();

// The stream

/** `onMessage` gets { versions } by topic, or { isSignedOut: true }. */
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
    try {
      const answer = await fetch(`/console/events?${topics}`, { signal, cache: "no-store" });
      if (answer.status === 401) return onMessage({ isSignedOut: true });
      if (answer.ok) {
        await readEvents(answer.body, signal, (versions) => {
          failures = 0;
          onMessage({ versions });
        });
      }
      await pause(answer.headers.get("retry-after") * 1000 || backOffMs(failures), signal);
    } catch {
      await pause(backOffMs(failures), signal);
    }
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

/** Returns when the stream ends, or says nothing for a minute: after a computer's sleep, its connection may be gone. */
async function readEvents(body, signal, onData) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (!signal.aborted) {
    const silence = setTimeout(() => reader.cancel(), SILENT_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) if (event.startsWith("data: ")) onData(JSON.parse(event.slice("data: ".length)));
  }
}

// The shared worker

/** A tab says what it follows, and again every PING_MS. Once it is hidden or left, that is null. */
function serveTabs() {
  const tabs = new Map();
  let known = {};
  const stream = createStream((message) => {
    known = { ...known, ...message.versions };
    for (const tab of tabs.keys()) tab.postMessage(message);
  });
  const update = () => stream.watch([...tabs.values()].map(({ topic }) => topic));

  addEventListener("connect", ({ ports: [tab] }) => {
    tab.onmessage = ({ data: topic }) => {
      if (topic === null) tabs.delete(tab);
      else tabs.set(tab, { topic, heardAt: Date.now() });
      update();
      if (topic in known) tab.postMessage({ versions: { [topic]: known[topic] } });
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
  const main = document.querySelector("main[data-topic]");
  const { topic } = main.dataset;
  let isRefreshing = false;
  let isOutdated = false;
  let shown = main.dataset.version;

  const onMessage = ({ versions = {}, isSignedOut }) => {
    if (isSignedOut) return warnSignedOut();
    if (!(topic in versions)) return;
    document.querySelector("[data-outdated]")?.remove();
    if (versions[topic] === shown) return;
    shown = versions[topic];
    refresh();
  };
  const tell = connect(onMessage);
  const update = () => tell(document.visibilityState === "visible" ? topic : null);
  document.addEventListener("visibilitychange", update);
  addEventListener("pageshow", update);
  addEventListener("pagehide", () => tell(null));
  setInterval(update, PING_MS);
  update();

  async function refresh() {
    isOutdated = true;
    if (isRefreshing) return;
    isRefreshing = true;
    while (isOutdated && document.visibilityState === "visible") {
      isOutdated = false;
      const beganAt = performance.now();
      await refreshOnce().catch(() => undefined);
      const gap = Math.max(REFRESH_MS, (performance.now() - beganAt) * REFRESH_SHARE);
      await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_REFRESH_MS, gap)));
    }
    isRefreshing = false;
  }
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

async function refreshOnce() {
  const answer = await fetch(location.href, { headers: { "x-refresh": "1" }, cache: "no-store" });
  if (answer.status === 401) return warnSignedOut();
  if (answer.status === 404) return warn("This is how it was: what this page shows no longer exists.");
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Other scripts add their part to the new page.
  document.dispatchEvent(new CustomEvent("refresh", { detail: fresh }));
  const before = states();
  const { activeElement } = document;
  if (hasOtherParts(fresh) && !activeElement?.matches("input, select")) return location.reload();
  for (const part of document.querySelectorAll("[data-live]")) {
    const wanted = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (wanted !== null) Idiomorph.morph(part, wanted, MORPHING);
  }
  // Moved elements lose the focus.
  if (document.activeElement !== activeElement && activeElement.isConnected) activeElement.focus({ preventScroll: true });
  announce(before, states());
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

function warnSignedOut() {
  warn("You are signed out, and this page is no longer kept up to date. ", "Sign in again");
}

/** The warning is above the page until it is kept up to date again. */
function warn(text, linkText = "") {
  const notices = document.querySelector(".notices");
  if (notices.querySelector("[data-outdated]") !== null) return;
  const notice = document.createElement("div");
  notice.className = "alert alert-info";
  notice.dataset.outdated = "";
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = linkText;
  notice.append(text, link);
  notices.append(notice);
}
