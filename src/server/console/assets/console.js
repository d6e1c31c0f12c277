/** The pages work without this script. */

function addLocalTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
  }
}

addLocalTimes(document);
document.addEventListener("refresh", ({ detail }) => addLocalTimes(detail));
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
