/** The pages work without it. */

function addLocalTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
  }
}

addLocalTimes(document);
document.addEventListener("refresh", ({ detail }) => addLocalTimes(detail));
