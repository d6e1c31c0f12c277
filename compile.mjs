/** Keeps the code that V8 compiled for short commands beside the files of dist/. build.mjs starts it. Why: docs/adr/0010. */
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { load, saveCompiled } = createRequire(import.meta.url)("./bin/load.js");

const CALLBACK = { id: "C0", name: "demo", url: "http://127.0.0.1/hook", auth: {}, callbacks: {}, link: [] };
const CALL = {
  id: "0193F0C2A5B87C119D2E4F6A8B0C1D2E",
  status: "FAILED",
  from: { name: "Ann", mobile: "61400000000" },
  responseMessage: { channel: "SMS", acknowledged: "26/11/26 11:44", content: "yes" },
  callback: { id: "C0", name: "demo", attemptedDate: "2026-11-26T11:44:41.462Z", statusMessage: "refused: connection refused" },
  attemptCount: 1,
  link: [],
};

const service = createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(request.url.includes("/calls") ? { status: "1 to 1 of 1", calls: [CALL] } : CALLBACK));
});
service.listen(0, "127.0.0.1", async () => {
  process.env.WHCB_URL = `http://127.0.0.1:${service.address().port}`;
  const { main } = load("main")["src/main.ts"];
  for (const argv of [["--help"], ["calls", "list", "demo"]]) {
    const code = await main(argv);
    if (code !== 0) throw new Error(`whcb ${argv.join(" ")} ended with ${code}`);
  }
  service.close();
  // main() makes new files private, and who installs it may not be who runs it.
  process.umask(0o022);
  saveCompiled();
});
