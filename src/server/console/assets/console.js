/** The pages work without it. */

for (const time of document.querySelectorAll("time[data-local]")) {
  time.title = `${new Date(time.dateTime).toLocaleString()} (your time)`;
}
