#!/usr/bin/env node
const { main } = require("../dist/main.cjs")["src/main.ts"];

// This code stands if the process runs out of work before the command has ended.
process.exitCode = 1;
main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
