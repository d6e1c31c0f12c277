import type { Invocation } from "../args/command-spec.js";
import type { Profile } from "./settings-file.js";

/** The variables of a terminal of the day before go before the profile that was just made the current one. */
export function warnOfVariables({ deps, screen }: Invocation, name: string, profile: Profile): void {
  const { env } = deps.io;
  const chosen = {
    WHCB_PROFILE: name,
    WHCB_URL: profile.url,
    WHCB_USERNAME: profile.username,
    WHCB_PASSWORD: profile.password,
    WHCB_API_KEY: profile.apiKey,
  };
  const others = Object.entries(chosen).flatMap(([variable, value]) =>
    env[variable] && env[variable] !== value ? [variable] : [],
  );
  if (others.length > 0)
    screen.info(`warning: commands take ${others.join(", ")} instead of what the profile has: unset ${others.join(" ")}`);
}
