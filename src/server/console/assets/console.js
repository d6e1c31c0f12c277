/** The pages work without it. */

function addLocalTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
  }
}

addLocalTimes(document);
document.addEventListener("refresh", ({ detail }) => addLocalTimes(detail));
for (const form of document.querySelectorAll("form[data-selection]")) countSelection(form);

/** Says how many calls are selected. A table with selected calls stays as it is: rows don't move below the pointer. */
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
  // Back: no selection is kept.
  addEventListener("pageshow", () => {
    form.reset();
    update();
  });
}
