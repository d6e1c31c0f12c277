/**
 * What nodes know of each other, and the counts that they share. A crash of the server resets these counts: that is cheaper than writing
 * each of them to disk.
 */
export const NODE_TABLES = `
CREATE TABLE nodes (
  id text COLLATE "C" PRIMARY KEY,
  expires_at timestamptz NOT NULL,
  settings text NOT NULL,
  task text
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE limits (
  key text COLLATE "C" PRIMARY KEY,
  state text NOT NULL,
  expires_at bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
`;
