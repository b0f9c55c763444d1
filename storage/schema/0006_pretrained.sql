-- Version 6: candidates whose pretrained weights are brought in a file instead of being trained.

-- As the job file names it, and its content; NULL where the weights are trained.
ALTER TABLE candidates ADD COLUMN pretrained_file TEXT;
ALTER TABLE candidates ADD COLUMN pretrained_sha256 TEXT REFERENCES artifacts;

CREATE INDEX candidates_by_pretrained ON candidates (pretrained_sha256)
  WHERE pretrained_sha256 IS NOT NULL;

-- Files that users have stored. One that no candidate names is removed after a day.
CREATE TABLE uploads (
  sha256 TEXT PRIMARY KEY REFERENCES artifacts ON DELETE CASCADE,
  uploaded_at_ms INTEGER NOT NULL  -- the last time
) STRICT, WITHOUT ROWID;
