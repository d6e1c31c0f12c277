/** Reports on stderr that a write of this process found a full pipe. */
const fs = require("node:fs");

const { writeSync } = fs;

fs.writeSync = (...args) => {
  try {
    return writeSync(...args);
  } catch (error) {
    if (error.code === "EAGAIN") writeSync(2, "full\n");
    throw error;
  }
};
