export const NOTICE_TABLES = `
CREATE TABLE notices (
  outage_id text COLLATE "C" NOT NULL,
  event text COLLATE "C" NOT NULL,
  destination text COLLATE "C" NOT NULL,
  callback_key bigint NOT NULL REFERENCES callbacks (key),
  created_at bigint NOT NULL,
  tries bigint NOT NULL,
  next_try_at bigint,
  sent_at bigint,
  last_error text,
  report text,
  PRIMARY KEY (outage_id, event, destination)
);
CREATE INDEX notices_queued ON notices (destination, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notices_by_callback ON notices (callback_key);
`;
