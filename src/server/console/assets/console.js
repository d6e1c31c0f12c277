/** The pages work without this script. */

// Times

const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONE_KEY = "whcb-zone";

/** The browser may keep nothing; then each page begins with the reader's own zone. */
let isUtc = false;
try {
  isUtc = localStorage.getItem(ZONE_KEY) === "UTC";
} catch {}

const two = (number) => String(Math.abs(number)).padStart(2, "0");

/** Returns "+01:00" or "UTC", which may be different in summer. */
function offsetOf(date) {
  const minutes = -date.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  return `${minutes < 0 ? "-" : "+"}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

function localText(date) {
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function dayText(at) {
  return new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(isUtc && { timeZone: "UTC" }) });
}

/** The ticks of a chart, and what its titles say. */
function showChartTimes(root) {
  const minuteText = (date) =>
    (isUtc ? date.toISOString().replace("T", " ") : localText(date)).slice(0, "2026-11-28 05:59".length);
  const zoneOf = (date) => (isUtc ? "UTC" : offsetOf(date));
  for (const tick of root.querySelectorAll("[data-tick]"))
    tick.textContent = minuteText(new Date(Number(tick.dataset.tick))).slice("2026-11-28 ".length);
  for (const day of root.querySelectorAll("[data-tick-day]")) {
    const [at, before] = [Number(day.dataset.tickDay), day.dataset.tickBefore];
    const text = dayText(at);
    if (before === undefined) day.textContent = `${text} ${zoneOf(new Date(at))}`;
    else day.textContent = text === dayText(Number(before)) ? "" : text;
  }
  for (const element of root.querySelectorAll("[data-instants]")) {
    element.dataset.instants ||= element.textContent;
    element.textContent = element.dataset.instants.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, day, time) => {
      const date = new Date(`${day}T${time}Z`);
      return `${minuteText(date)} ${zoneOf(date)}`;
    });
  }
}

function showTimes(root) {
  showChartTimes(root);
  for (const time of root.querySelectorAll("time[data-local]")) {
    const date = new Date(time.dateTime);
    const utc = date.toISOString().slice(0, -5).replace("T", " ");
    const texts = [
      { text: utc, zone: "UTC" },
      { text: localText(date), zone: offsetOf(date) },
    ];
    const [shown, other] = isUtc ? texts : texts.toReversed();
    const { local } = time.dataset;
    const text = local === "time" ? shown.text.slice("2026-11-28 ".length) : shown.text;
    time.textContent = local === "bare" ? text : `${text} ${shown.zone}`;
    time.title = `${other.text} ${other.zone}`;
  }
  for (const zone of root.querySelectorAll("[data-zone]")) zone.textContent = isUtc ? "UTC" : OWN_ZONE;
  for (const button of root.querySelectorAll("[data-switch-zone]")) {
    button.hidden = false;
    button.querySelector("[data-zone-choice]").textContent = isUtc ? "UTC" : "local";
    button.title = isUtc ? `Show times in ${OWN_ZONE}` : "Show times in UTC";
  }
}

showTimes(document);
document.addEventListener("refresh", ({ detail }) => showTimes(detail));
for (const button of document.querySelectorAll("[data-switch-zone]")) {
  button.addEventListener("click", () => {
    isUtc = !isUtc;
    try {
      localStorage.setItem(ZONE_KEY, isUtc ? "UTC" : "local");
    } catch {}
    showTimes(document);
  });
}

/** What is typed without a zone is in the zone that the page shows; the service would take it for UTC. */
const ISO_TIME = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?)?$/i;
const PLATFORM_TIME = /^(\d\d?)\/(\d\d?)\/(\d\d(?:\d\d)?)[T ]+(\d\d?):(\d\d)(?::(\d\d))?$/;

function withZone(typed) {
  const iso = ISO_TIME.exec(typed);
  const platform = PLATFORM_TIME.exec(typed);
  if (iso === null && platform === null) return typed;
  const [first, month, third, ...time] = (iso ?? platform).slice(1).map((part) => Number(part ?? 0));
  const [year, day] = iso === null ? [third < 100 ? 2000 + third : third, first] : [first, third];
  const date = new Date(year, month - 1, day, ...time);
  // The service says that there is no such day or minute. An hour that a clock change skips is the one after it.
  if (date.getMonth() !== month - 1 || date.getDate() !== day || date.getMinutes() !== time[1]) return typed;
  const [fraction = ""] = /[.,]\d+$/.exec(typed) ?? [];
  return `${localText(date)}${fraction} ${offsetOf(date)}`;
}

for (const form of document.querySelectorAll("form[data-filters]")) {
  form.addEventListener("submit", () => {
    if (isUtc) return;
    for (const name of ["since", "until"]) form.elements[name].value = withZone(form.elements[name].value.trim());
  });
}

/** How far the reader's clock is ahead of the service's. Each answer says how long ago each of its instants was. */
let clockAheadMs = 0;

function readClock(root) {
  const time = root.querySelector("time[data-elapsed]");
  if (time !== null) clockAheadMs = Date.now() - Date.parse(time.dateTime) - time.dataset.elapsed;
}

function updateElapsed() {
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    const minutes = Math.floor(Math.max(0, Date.now() - clockAheadMs - Date.parse(time.dateTime)) / 60_000);
    const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1440)];
    const text = days >= 2 ? `${days} days` : hours >= 2 ? `${hours} h` : minutes >= 1 ? `${minutes} min` : "less than 1 min";
    if (time.textContent !== text) time.textContent = text;
  }
}

readClock(document);
document.addEventListener("refresh", ({ detail }) => readClock(detail));
setInterval(updateElapsed, 10_000);

// Selected calls

for (const form of document.querySelectorAll("form[data-selection]")) countSelection(form);

/** Says how many calls are selected. A table with selected calls stays as it is, so rows don't move below the pointer. */
function countSelection(form) {
  const all = form.elements.namedItem("all");
  const wholePage = form.querySelector("[data-select-page]");
  const table = form.querySelector("[data-live=calls]");
  const boxes = () => [...form.querySelectorAll("[name=call]")];
  const actions = form.querySelector("[data-actions]");
  let last = null;
  for (const part of form.querySelectorAll("[data-with-script]")) part.hidden = false;

  const update = () => {
    const selected = boxes().filter(({ checked }) => checked).length;
    form.querySelector("[data-selected]").textContent = !all.checked && selected > 0 ? `${selected} selected` : "";
    wholePage.checked = selected > 0 && selected === boxes().length;
    wholePage.indeterminate = selected > 0 && !wholePage.checked;
    const isAny = all.checked || selected > 0;
    actions.hidden = !isAny;
    if (isAny) table.removeAttribute("data-live");
    else table.dataset.live = "calls";
  };

  /** Shift makes all boxes between the one that was clicked before and this one like this one. */
  form.addEventListener("click", ({ target, shiftKey }) => {
    if (target.name !== "call") return;
    const ends = [boxes().indexOf(last), boxes().indexOf(target)];
    if (shiftKey && !ends.includes(-1)) {
      for (const box of boxes().slice(Math.min(...ends), Math.max(...ends) + 1)) box.checked = target.checked;
    }
    last = target;
  });
  form.addEventListener("change", ({ target }) => {
    if (target === all || target === wholePage) for (const box of boxes()) box.checked = target.checked;
    if (target !== all) all.checked = false;
    update();
  });
  // The browser's Back keeps no selection.
  addEventListener("pageshow", () => {
    form.reset();
    update();
  });
}

/** So many rows are enough for a reader; the link searches on. */
const MOST_FOUND = 200;

/** Goes on with a search, and adds what it finds to the page. */
async function searchOn() {
  let part = document.querySelector("#search-progress");
  while (part?.dataset.next !== undefined && document.querySelectorAll("#found-calls tbody tr").length < MOST_FOUND) {
    const answer = await fetch(part.dataset.next, { headers: { "x-refresh": "1" } }).catch(() => null);
    // The link is left, and tells the reader why.
    if (answer === null || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.dispatchEvent(new CustomEvent("refresh", { detail: fresh }));
    const rows = [...fresh.querySelectorAll("#found-calls tbody tr")].filter(({ id }) => document.getElementById(id) === null);
    const table = document.querySelector("#found-calls tbody");
    if (table !== null) table.append(...rows);
    else document.querySelector("#found-calls").replaceWith(fresh.querySelector("#found-calls"));
    const next = fresh.querySelector("#search-progress");
    const isNothing = document.querySelector(".search-results li, #found-calls tr") === null;
    part.replaceWith(next);
    if (isNothing && next.dataset.next === undefined) next.after(hintsOf(fresh));
    part = next;
  }
}

/** The last part of a search has found nothing more, and the whole of it nothing. */
function hintsOf(fresh) {
  const hints = fresh.querySelector("#search-hints");
  hints.querySelector(".empty-title").textContent = "Nothing was found";
  return hints;
}

searchOn();

/** Copying needs https, or this machine. */
function showCopyButtons(root) {
  if (navigator.clipboard === undefined) return;
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

showCopyButtons(document);
document.addEventListener("refresh", ({ detail }) => showCopyButtons(detail));
document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (button === null) return;
  const text = button.firstChild;
  const copied = await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent).then(
    () => "Copied",
    () => "Not copied",
  );
  text.data = copied;
  setTimeout(() => {
    text.data = "Copy";
  }, 1500);
});

/** On a phone, filters that aren't used would fill the screen. */
if (matchMedia("(max-width: 720px)").matches)
  for (const fold of document.querySelectorAll("details[data-fold]")) fold.open = false;

/** A form is sent once, even if its button is pressed twice: a check of an endpoint may take a minute. */
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (form.method !== "post") return;
  if (form.ariaBusy === "true") {
    event.preventDefault();
    return;
  }
  form.ariaBusy = "true";
  if (submitter?.dataset.busy !== undefined) {
    submitter.dataset.text = submitter.textContent;
    submitter.textContent = submitter.dataset.busy;
  }
  if (submitter?.value === "test") {
    event.preventDefault();
    sendTest(form, submitter);
  }
});

function endBusy() {
  for (const form of document.querySelectorAll("form[aria-busy]")) {
    form.ariaBusy = null;
    for (const button of form.querySelectorAll("[data-text]")) button.textContent = button.dataset.text;
  }
}

// The reader may have come back from the page that followed.
addEventListener("pageshow", endBusy);

// A browser keeps pages with such a listener less long.
if (document.querySelector(".callback-form") !== null) addEventListener("beforeunload", askBeforeLeaving);

/** A form that is being sent is left without a question. */
function askBeforeLeaving(event) {
  const form = document.querySelector(".callback-form");
  if (form.ariaBusy !== "true" && ("unsaved" in form.dataset || [...form.elements].some(isChanged))) event.preventDefault();
}

function isChanged(control) {
  const { type, options } = control;
  if (type === "checkbox" || type === "radio") return control.checked !== control.defaultChecked;
  if (options !== undefined) return [...options].some(({ selected, defaultSelected }) => selected !== defaultSelected);
  return control.defaultValue !== undefined && control.value !== control.defaultValue;
}

/** Shows the answer in this page, which keeps the typed key. */
async function sendTest(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  // The session has ended. The sign-in leads back to what was typed.
  if (answer?.redirected) return location.assign(answer.url);
  if (answer === null || (!answer.ok && answer.status !== 422)) {
    endBusy();
    const notice = document.createElement("div");
    notice.className = "alert alert-problem";
    notice.textContent = "The service didn't send the test. Try again later.";
    document.querySelector(".notices").replaceChildren(notice);
    notice.scrollIntoView({ block: "nearest" });
    return;
  }
  const main = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const key = form.elements["auth.key"].value;
  document.querySelector("main").replaceWith(main);
  const field = main.querySelector("[name='auth.key']");
  if (key !== "") {
    field.value = key;
    for (const note of main.querySelectorAll("[data-key-lost]")) note.remove();
  }
  closeSamples();
  main.querySelector("[autofocus]")?.focus();
}

/** A text that is cut has all of it as its tooltip. */
document.addEventListener("mouseover", ({ target }) => {
  const cell = target.closest("td, .username");
  if (cell !== null && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent;
});

/** On a narrow screen the samples are between the fields, and long. */
function closeSamples() {
  if (!matchMedia("(max-width: 1000px)").matches) return;
  for (const sample of document.querySelectorAll(".samples > details")) sample.open = false;
}

closeSamples();
