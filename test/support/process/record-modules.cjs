/** Writes the modules of Node that a process loads after this one into the file that MODULE_LIST names. */
const { writeFileSync } = require("node:fs");

const before = new Set(process.moduleLoadList);

process.on("exit", () => {
  const names = process.moduleLoadList.filter((one) => !before.has(one)).map((one) => one.replace(/^NativeModule /, ""));
  writeFileSync(process.env.MODULE_LIST, JSON.stringify(names));
});
