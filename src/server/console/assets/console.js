/** The pages work without this script. */

function addLocalTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
  }
}

addLocalTimes(document);
document.addEventListener("refresh", ({ detail }) => addLocalTimes(detail));
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
for (const form of document.querySelectorAll("form[data-selection]")) countSelection(form);

/** Says how many calls are selected. A table with selected calls stays as it is, so rows don't move below the pointer. */
function countSelection(form) {
  const all = form.elements.namedItem("all");
  const wholePage = form.querySelector("[data-select-page]");
  const table = form.querySelector("[data-live=calls]");
  const boxes = () => [...form.querySelectorAll("[name=call]")];
  for (const part of form.querySelectorAll("[data-with-script]")) part.hidden = false;

  const update = () => {
    const selected = boxes().filter(({ checked }) => checked).length;
    form.querySelector("[data-selected]").textContent = !all.checked && selected > 0 ? `${selected} selected` : "";
    wholePage.checked = selected > 0 && selected === boxes().length;
    wholePage.indeterminate = selected > 0 && !wholePage.checked;
    if (all.checked || selected > 0) table.removeAttribute("data-live");
    else table.dataset.live = "calls";
  };

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
  while (part !== null && document.querySelectorAll("#found-calls tbody tr").length < MOST_FOUND) {
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
    if (next !== null) part.replaceWith(next);
    else if (isNothing) part.replaceWith(hintsOf(fresh));
    else part.remove();
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

/** Shows the answer in this page, which keeps the typed key. */
async function sendTest(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
  // The session has ended.
  if (answer?.redirected) return location.reload();
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

/** On a narrow screen the samples are between the fields, and long. */
function closeSamples() {
  if (!matchMedia("(max-width: 720px)").matches) return;
  for (const sample of document.querySelectorAll(".samples > details")) sample.open = false;
}

closeSamples();
