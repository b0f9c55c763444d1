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

DROP VIEW candidates_v;

CREATE VIEW candidates_v AS
SELECT
  c.candidate_id AS candidate,
  c.job_id AS job,
  c.name,
  c.network,
  c.network_hash,
  c.replicate,
  c.relus,
  c.relus_with_stem,
  c.macs,
  c.parameters,
  (SELECT count(*) FROM candidate_budgets b WHERE b.candidate_id = c.candidate_id) AS budgets,
  (SELECT count(*) FROM results r WHERE r.candidate_id = c.candidate_id) AS results,
  (SELECT t.state FROM tasks t WHERE t.candidate_id = c.candidate_id AND t.stage = 'pretrain')
    AS pretrain_state,
  (SELECT t.state FROM tasks t WHERE t.candidate_id = c.candidate_id AND t.stage = 'linearize')
    AS linearize_state,
  (SELECT p.validation_accuracy
   FROM tasks t JOIN stage_progress p USING (task_id)
   WHERE t.candidate_id = c.candidate_id AND t.stage = 'pretrain' AND t.state = 'SUCCEEDED'
   ORDER BY p.epoch DESC LIMIT 1) AS pretrain_accuracy,
  c.role,
  CASE c.role WHEN 'stage' THEN c.measured_stage END AS measured_stage,
  c.teacher_id AS teacher,
  c.origin,
  c.pretrained_file,
  c.pretrained_sha256
FROM candidates c;
