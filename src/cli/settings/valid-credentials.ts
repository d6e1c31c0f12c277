import { WhcbError } from "../../domain/errors.js";
import type { Credentials } from "../cli-deps.js";

/** What HTTP can carry: a header holds no control characters, and Basic ends the user at the first colon. Throws `config`; never shows a value. */
export function requireValidCredentials({ username, password, apiKey }: Credentials): void {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(apiKey) || apiKey.trim() !== apiKey) {
    throw new WhcbError("config", "the API key holds a character that no header can carry", {
      hint: "a line end that came along with it, perhaps? Set it again",
    });
  }
  if (username.includes(":")) throw new WhcbError("config", "the user name holds a colon, which ends a user name in HTTP");
  if (/\p{Cc}/u.test(username + password)) {
    throw new WhcbError("config", "the user name or the password holds a control character", {
      hint: "a line end that came along with it, perhaps? Set it again",
    });
  }
}
