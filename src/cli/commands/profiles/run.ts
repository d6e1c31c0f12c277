import { WhcbError } from "../../../domain/errors.js";
import { closestMatch } from "../../args/closest-match.js";
import { COLUMNS } from "../../args/shared-flags.js";
import type { Invocation } from "../../invocation.js";
import { type ListingStyle, openListing } from "../../output/listing.js";
import type { Profile, Settings } from "../../settings/settings-file.js";
import { changeSettings, readSettings } from "../../settings/settings-file.js";

export async function listProfiles({ args, deps, screen }: Invocation): Promise<number> {
  const settings = await readSettings(deps.paths.config);
  const listing = openListing(PROFILE_LISTING, screen, args.get(COLUMNS));
  await listing.add([...settings.profiles].map(([name, profile]) => ({ name, profile, isCurrent: name === settings.current })));
  if ((await listing.end()) === 0) screen.info("no profiles yet; `whcb serve` or `whcb login` makes one");
  return 0;
}

export async function useProfile({ args, deps, screen }: Invocation): Promise<number> {
  const name = args.operand(0);
  const settings = await changeSettings(deps.paths.config, (before) => {
    requireProfile(before, name);
    return { ...before, current: name };
  });
  screen.info(`the current profile is ${name} (${settings.profiles.get(name)?.url})`);
  return 0;
}

export async function removeProfile({ args, deps, screen }: Invocation): Promise<number> {
  const name = args.operand(0);
  const after = await changeSettings(deps.paths.config, (before) => {
    requireProfile(before, name);
    const profiles = new Map(before.profiles);
    profiles.delete(name);
    return { ...before, profiles, current: before.current === name ? null : before.current };
  });
  screen.info(`profile ${name} is removed${after.current === null ? "; no profile is current now (`whcb profiles use`)" : ""}`);
  return 0;
}

interface ProfileRow {
  readonly name: string;
  readonly profile: Profile;
  readonly isCurrent: boolean;
}

const PROFILE_LISTING: ListingStyle<ProfileRow> = {
  columns: [
    { key: "current", title: "", value: ({ isCurrent }) => (isCurrent ? "*" : "") },
    { key: "name", title: "NAME", value: ({ name }) => name, least: 12 },
    { key: "url", title: "SERVICE", value: ({ profile }) => profile.url, least: 16 },
    { key: "username", title: "USER", value: ({ profile }) => profile.username ?? null, least: 8, dropRank: 2 },
    { key: "callback", title: "CALLBACK", value: ({ profile }) => profile.callback ?? null, least: 8, dropRank: 3 },
  ],
  toJson: ({ name, profile, isCurrent }) => ({
    name,
    url: profile.url,
    username: profile.username ?? null,
    callback: profile.callback ?? null,
    timezone: profile.timezone ?? null,
    rate: profile.rate ?? null,
    current: isCurrent,
  }),
  toId: ({ name }) => name,
};

function requireProfile(settings: Settings, name: string): void {
  if (settings.profiles.has(name)) return;
  const names = [...settings.profiles.keys()];
  const meant = closestMatch(name, names);
  throw new WhcbError("not-found", `no profile ${JSON.stringify(name)}`, {
    hint:
      meant !== null
        ? `did you mean ${meant}?`
        : names.length > 0
          ? `there are: ${names.join(", ")}`
          : "make one with `whcb login`",
  });
}
