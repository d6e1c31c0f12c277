export const PROBE_COLUMNS = `
ALTER TABLE callbacks ADD COLUMN replay_probe_at bigint NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN probe_began_at bigint NOT NULL DEFAULT 0;
`;
