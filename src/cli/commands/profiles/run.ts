import type { Invocation } from "../../args/command-spec.js";
import type { Json, PROFILE_FIELDS } from "../../output/json-fields.js";
import { type ListingStyle, openListing } from "../../output/listing.js";
import { confirm } from "../../output/questions.js";
import { warnOfVariables } from "../../settings/current-profile.js";
import { findProfile } from "../../settings/resolve-settings.js";
import { changeSettings, type Profile, readSettings } from "../../settings/settings-file.js";
import type { ProfilesListFlags } from "./command.js";

export async function listProfiles({ values, deps, screen }: Invocation<ProfilesListFlags>): Promise<void> {
  const settings = await readSettings(deps.paths.config);
  const listing = openListing(PROFILE_LISTING, screen, values.columns);
  await listing.add([...settings.profiles].map(([name, profile]) => ({ name, profile, isCurrent: name === settings.current })));
  if ((await listing.end()) === 0) screen.info("no profiles yet; `whcb serve` and `whcb login` create one");
}

export async function useProfile(invocation: Invocation): Promise<void> {
  const { args, deps, screen } = invocation;
  const name = args.operand(0);
  const settings = await changeSettings(deps, (before) => {
    findProfile(before, name);
    return { ...before, current: name };
  });
  const profile = findProfile(settings, name);
  screen.info(`the current profile is ${name} (${profile.url})`);
  warnOfVariables(invocation, name, profile);
}

export async function removeProfile(invocation: Invocation): Promise<void> {
  const { args, deps, screen } = invocation;
  const name = args.operand(0);
  const { url } = findProfile(await readSettings(deps.paths.config), name);
  if (!(await confirm(invocation, `Remove profile ${name} (${url}) and its credentials?`))) return;
  const after = await changeSettings(deps, (before) => {
    findProfile(before, name);
    const profiles = new Map(before.profiles);
    profiles.delete(name);
    return { ...before, profiles, current: before.current === name ? null : before.current };
  });
  screen.info(`removed profile ${name}${after.current === null ? "; no profile is current now (see `whcb profiles use`)" : ""}`);
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
  toJson: ({ name, profile, isCurrent }): Json<typeof PROFILE_FIELDS> => ({
    name,
    url: profile.url,
    username: profile.username ?? null,
    callback: profile.callback ?? null,
    timezone: profile.timezone ?? null,
    authParameter: profile.authParameter ?? null,
    bodyNames: profile.bodyNames ?? null,
    allowNetwork: profile.allowNetwork ?? null,
    rate: profile.rate ?? null,
    current: isCurrent,
  }),
  toId: ({ name }) => name,
};
