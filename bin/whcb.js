#!/usr/bin/env node
const { main } = require("./load.js").load("main")["src/main.ts"];

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
