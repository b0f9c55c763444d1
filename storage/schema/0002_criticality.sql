-- Version 2: jobs that measure how much accuracy each stage's ReLUs are worth, candidates that are
-- trained whole, and where a candidate comes from.

ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'search'
  CHECK (kind IN ('search', 'criticality'));
-- Of the score; NULL but for kind = criticality.
ALTER TABLE jobs ADD COLUMN criticality_exponent REAL;
ALTER TABLE jobs ADD COLUMN criticality_baseline TEXT
  CHECK (criticality_baseline IN ('minimum', 'none'));

-- search: pretrain, linearize and a fine-tune per budget. teacher: pretrain alone. stage: pretrain
-- alone, ReLUs in measured_stage only, learning from teacher_id. whole: pretrain alone, learning
-- from teacher_id, and its network with all its ReLUs is its one result.
ALTER TABLE candidates ADD COLUMN role TEXT NOT NULL DEFAULT 'search'
  CHECK (role IN ('search', 'teacher', 'stage', 'whole'));
ALTER TABLE candidates ADD COLUMN measured_stage INTEGER NOT NULL DEFAULT 0;  -- of a stage, from 1
ALTER TABLE candidates ADD COLUMN teacher_id INTEGER REFERENCES candidates;
-- 'named', or the generator with its order and that order's source; '' in rows of version 1.
ALTER TABLE candidates ADD COLUMN origin TEXT NOT NULL DEFAULT '';

CREATE INDEX candidates_by_teacher ON candidates (teacher_id) WHERE teacher_id IS NOT NULL;

-- Scores of the stages of a network, by all its replicates; written once, with the last of them.
CREATE TABLE criticality (
  candidate_id INTEGER NOT NULL REFERENCES candidates,  -- the full network, replicate 0
  stage INTEGER NOT NULL,      -- from 1
  relus INTEGER NOT NULL,      -- of the stage
  accuracy REAL NOT NULL,      -- validation, ReLUs in this stage alone; mean over the replicates
  accuracy_lowest REAL NOT NULL,
  accuracy_highest REAL NOT NULL,
  replicates INTEGER NOT NULL,
  score REAL NOT NULL,
  rank INTEGER NOT NULL,       -- 1 = most critical
  PRIMARY KEY (candidate_id, stage),
  UNIQUE (candidate_id, rank)
) STRICT, WITHOUT ROWID;

DROP VIEW front_v;
DROP VIEW results_v;
DROP VIEW candidates_v;
DROP VIEW jobs_v;

CREATE VIEW jobs_v AS
SELECT
  j.job_id AS job,
  j.name,
  j.state,
  j.data_set,
  substr(j.recipe, 1, 12) AS recipe,
  j.seed,
  (SELECT count(*) FROM candidates c WHERE c.job_id = j.job_id) AS candidates,
  (SELECT count(*) FROM tasks t WHERE t.job_id = j.job_id) AS tasks,
  (SELECT count(*) FROM tasks t
   WHERE t.job_id = j.job_id AND t.state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) AS tasks_ended,
  (SELECT count(*) FROM results r WHERE r.job_id = j.job_id) AS results,
  (SELECT json_group_array(objective)
   FROM (SELECT objective FROM job_objectives o WHERE o.job_id = j.job_id ORDER BY position))
    AS objectives,
  j.created_at_ms,
  j.finished_at_ms,
  j.unsealed_at_ms,
  j.kind
FROM jobs j;

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
  c.origin
FROM candidates c;

CREATE VIEW results_v AS
SELECT
  r.result_id AS result,
  r.job_id AS job,
  r.candidate_id AS candidate,
  c.name,
  c.network,
  c.network_hash,
  c.replicate,
  r.budget,
  r.relus,
  r.relus + (c.relus_with_stem - c.relus) AS relus_with_stem,
  c.macs,
  c.parameters,
  r.accuracy_soft,
  r.accuracy_trimmed,
  r.accuracy_validation,
  CASE WHEN j.unsealed_at_ms IS NOT NULL
    THEN (SELECT s.accuracy_test FROM sealed_test_accuracy s WHERE s.result_id = r.result_id)
  END AS accuracy_test,
  (SELECT json_group_object(l.model, l.seconds)
   FROM result_latencies l WHERE l.result_id = r.result_id) AS latency,
  substr(j.recipe, 1, 12) AS recipe,
  r.data_hash,
  r.split_hash,
  p.seed AS seed_pretrain,
  d.seed AS seed_linearize,
  CASE f.stage WHEN 'fine-tune' THEN f.seed END AS seed_fine_tune,
  j.split_seed AS seed_split,
  m.build_commit,
  m.torch_version,
  m.device,
  m.precision,
  m.threads,
  m.train_images,
  m.validation_images,
  m.test_images,
  r.seconds_pretrain,
  r.seconds_linearize,
  r.seconds_fine_tune,
  r.worker,
  r.attempt,
  r.artifact_sha256,
  r.created_at_ms,
  c.role,
  c.origin
FROM results r
JOIN jobs j ON j.job_id = r.job_id
JOIN candidates c ON c.candidate_id = r.candidate_id
JOIN tasks f ON f.task_id = r.task_id
JOIN tasks p ON p.candidate_id = r.candidate_id AND p.stage = 'pretrain' AND p.budget = 0
LEFT JOIN tasks d ON d.candidate_id = r.candidate_id AND d.stage = 'linearize' AND d.budget = 0
LEFT JOIN measurements m ON m.task_id = r.task_id;

-- The results that no other of the same job, recipe, data and split dominates: nowhere worse and
-- somewhere better in accuracy_validation and the job's objectives. A result with an unknown or
-- infinite objective is never on the front and dominates nothing.
CREATE VIEW front_v AS
SELECT v.*
FROM results_v v
WHERE NOT EXISTS (
    SELECT 1 FROM result_objectives o
    WHERE o.result_id = v.result AND (o.value IS NULL OR abs(o.value) > 1.7976931348623157e308))
  AND NOT EXISTS (
    SELECT 1 FROM results r
    WHERE r.job_id = v.job AND r.data_hash = v.data_hash AND r.split_hash = v.split_hash
      AND r.result_id <> v.result
      AND NOT EXISTS (
        SELECT 1 FROM result_objectives a
        JOIN result_objectives b ON b.position = a.position
        WHERE a.result_id = r.result_id AND b.result_id = v.result
          AND (a.value IS NULL OR abs(a.value) > 1.7976931348623157e308 OR a.value > b.value))
      AND EXISTS (
        SELECT 1 FROM result_objectives a
        JOIN result_objectives b ON b.position = a.position
        WHERE a.result_id = r.result_id AND b.result_id = v.result AND a.value < b.value));

-- One row per stage of a network that a job of kind criticality has measured.
CREATE VIEW criticality_v AS
SELECT
  c.job_id AS job,
  k.candidate_id AS candidate,
  c.name,
  c.network,
  c.network_hash,
  k.stage,
  k.relus,
  k.accuracy,
  k.accuracy_lowest,
  k.accuracy_highest,
  k.replicates,
  k.score,
  k.rank,
  j.criticality_exponent AS exponent,
  j.criticality_baseline AS baseline,
  j.data_set,
  substr(j.recipe, 1, 12) AS recipe,
  c.data_hash,
  c.split_hash
FROM criticality k
JOIN candidates c ON c.candidate_id = k.candidate_id
JOIN jobs j ON j.job_id = c.job_id;
