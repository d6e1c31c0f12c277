#!/usr/bin/env node
// Stack traces name the files of src/.
process.setSourceMapsEnabled(true);
const { main } = require("../dist/main.cjs")["src/main.ts"];

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
