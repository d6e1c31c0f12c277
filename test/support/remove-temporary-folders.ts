/** Vitest runs this before each test file, while other modules are loaded once for several files and register no hooks for the later ones. */
import { afterAll } from "vitest";
import { removeTemporaryFolders } from "./temporary-folders.js";

afterAll(removeTemporaryFolders);
