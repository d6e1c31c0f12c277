import { expect, it } from "vitest";
import { clientOver } from "../../support/client/client-services.js";

it.each([
  [204, "", "taken"],
  [200, "<html>Welcome</html>", "unsupported"],
  [200, "{}", "unsupported"],
  [404, "", "unsupported"],
])(
  "a run lock that is answered %i %s is %s: only our service has them, and the lock of a file is for the others",
  async (status, body, kind) => {
    const client = clientOver({
      name: "https://service.invalid",
      basePath: "",
      send: async () => ({ status, headers: {}, body }),
      close: async () => undefined,
    });
    expect(await client.takeRunLock("CB", { run: "R", holder: "ada@host", done: 0, total: 1 })).toEqual({ kind });
  },
);
