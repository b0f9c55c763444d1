-- Version 1 of the database of a Reluscape coordinator.
--
-- Only the coordinator writes. Read it with any SQLite program (open it read-only), and read the
-- views at the end: jobs_v, candidates_v, results_v, front_v, learning_curves_v. Their columns keep
-- their meaning; tables may change with a migration. docs/database.md explains every column.
--
-- Times are milliseconds since 1970-01-01 UTC (columns *_ms), accuracies fractions in [0, 1],
-- seconds wall-clock seconds (columns seconds*, *_s). Ids are never used again.

-- Facts of the installation: artifact_folder_id = content of the marker in its artifact folder.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
  job_id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  request_id TEXT UNIQUE,  -- chosen by the submitter, NULL if not
  state TEXT NOT NULL CHECK (state IN ('RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')),
  recipe TEXT NOT NULL,    -- SHA-256 of the stage settings
  data_set TEXT NOT NULL,  -- name that workers map to a path
  classes INTEGER NOT NULL,
  side INTEGER NOT NULL,               -- images are side x side x 3
  train_images INTEGER NOT NULL,       -- 0 = all that validation leaves
  validation_images INTEGER NOT NULL,  -- 0 = a tenth of the training images
  test_images INTEGER NOT NULL,        -- 0 = all
  max_attempts INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  split_seed INTEGER NOT NULL,  -- which images are held out for validation
  spec_json TEXT NOT NULL,      -- the job file with every default filled in
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  unsealed_at_ms INTEGER        -- since when test accuracies are shown
) STRICT;

-- The stage settings one by one: "pretrain.learning_rate" = 0.1. Lists as comma-separated text.
CREATE TABLE job_settings (
  job_id INTEGER NOT NULL REFERENCES jobs,
  name TEXT NOT NULL,
  value ANY NOT NULL,
  PRIMARY KEY (job_id, name)
) STRICT, WITHOUT ROWID;

-- What the front trades against accuracy_validation, to be minimised.
CREATE TABLE job_objectives (
  job_id INTEGER NOT NULL REFERENCES jobs,
  position INTEGER NOT NULL,
  objective TEXT NOT NULL,  -- relus, macs, parameters, latency.<model>
  PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE candidates (
  candidate_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs,
  name TEXT NOT NULL,          -- as users know the network
  network TEXT NOT NULL,       -- canonical text
  network_hash TEXT NOT NULL,  -- of its list of operations
  replicate INTEGER NOT NULL,
  relus INTEGER NOT NULL,
  relus_with_stem INTEGER NOT NULL,
  macs INTEGER NOT NULL,
  parameters INTEGER NOT NULL,
  data_hash TEXT,   -- found by the pretrain; NULL before it succeeded
  split_hash TEXT,
  UNIQUE (job_id, network_hash, replicate)
) STRICT;

CREATE TABLE candidate_budgets (
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  budget INTEGER NOT NULL,
  PRIMARY KEY (candidate_id, budget)
) STRICT, WITHOUT ROWID;

-- Files in the artifact folder that some row refers to, or did until a moment ago.
CREATE TABLE artifacts (
  sha256 TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  task_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs,
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  stage TEXT NOT NULL CHECK (stage IN ('pretrain', 'linearize', 'fine-tune')),
  budget INTEGER NOT NULL,  -- of a fine-tune, else 0
  seed INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('BLOCKED', 'QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  attempt INTEGER NOT NULL DEFAULT 0,        -- number of the newest lease
  attempts_lost INTEGER NOT NULL DEFAULT 0,  -- leases that expired or failed
  worker TEXT NOT NULL DEFAULT '',           -- of the newest lease
  lease_until_ms INTEGER,
  epochs_planned INTEGER NOT NULL DEFAULT 0,
  device_seconds REAL NOT NULL DEFAULT 0,
  checkpoint_sha256 TEXT REFERENCES artifacts,
  checkpoint_epochs INTEGER NOT NULL DEFAULT 0,
  weights_sha256 TEXT REFERENCES artifacts,  -- of a pretrain that succeeded
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  message TEXT NOT NULL DEFAULT '',
  UNIQUE (candidate_id, stage, budget),
  CHECK ((state = 'LEASED') = (lease_until_ms IS NOT NULL))
) STRICT;

CREATE INDEX tasks_by_state ON tasks (state, job_id, stage);
CREATE INDEX tasks_by_job ON tasks (job_id, state);
CREATE INDEX tasks_by_checkpoint ON tasks (checkpoint_sha256) WHERE checkpoint_sha256 IS NOT NULL;
CREATE INDEX tasks_by_weights ON tasks (weights_sha256) WHERE weights_sha256 IS NOT NULL;

-- Learning curves: one row per finished epoch of a task.
CREATE TABLE stage_progress (
  task_id INTEGER NOT NULL REFERENCES tasks,
  epoch INTEGER NOT NULL,  -- 0-based
  attempt INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  loss REAL NOT NULL,
  train_accuracy REAL NOT NULL,
  validation_accuracy REAL NOT NULL,
  learning_rate REAL NOT NULL,
  lambda REAL,  -- linearize only
  relus INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (task_id, epoch)
) STRICT, WITHOUT ROWID;

-- How the numbers of a task were measured, by its newest attempt.
CREATE TABLE measurements (
  task_id INTEGER PRIMARY KEY REFERENCES tasks,
  attempt INTEGER NOT NULL,
  build_commit TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  device TEXT NOT NULL,
  precision TEXT NOT NULL,
  threads INTEGER NOT NULL,
  data_hash TEXT NOT NULL,   -- of the decoded images and labels in use
  split_hash TEXT NOT NULL,  -- of the indices of training and validation images
  train_images INTEGER NOT NULL,
  validation_images INTEGER NOT NULL,
  test_images INTEGER NOT NULL
) STRICT;

-- Where a descent crossed a budget: the fine-tune of that budget starts here.
CREATE TABLE snapshots (
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  budget INTEGER NOT NULL,
  task_id INTEGER NOT NULL REFERENCES tasks,
  attempt INTEGER NOT NULL,
  artifact_sha256 TEXT NOT NULL REFERENCES artifacts,
  relus INTEGER NOT NULL,  -- >= budget, before the trim
  epoch INTEGER NOT NULL,
  device_seconds REAL NOT NULL,  -- of the descent up to here
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (candidate_id, budget)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshots_by_artifact ON snapshots (artifact_sha256);

CREATE TABLE results (
  result_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs,
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  task_id INTEGER NOT NULL UNIQUE REFERENCES tasks,
  budget INTEGER NOT NULL,
  relus INTEGER NOT NULL,
  accuracy_soft REAL NOT NULL,        -- at the snapshot, before the trim
  accuracy_trimmed REAL NOT NULL,     -- after trim and binarisation, before fine-tuning
  accuracy_validation REAL NOT NULL,  -- final, the one that ranks
  artifact_sha256 TEXT NOT NULL REFERENCES artifacts,  -- final weights and masks
  data_hash TEXT NOT NULL,
  split_hash TEXT NOT NULL,
  seconds_pretrain REAL NOT NULL,
  seconds_linearize REAL NOT NULL,
  seconds_fine_tune REAL NOT NULL,
  worker TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  UNIQUE (candidate_id, budget)
) STRICT;

CREATE INDEX results_by_job ON results (job_id);
CREATE INDEX results_by_artifact ON results (artifact_sha256);

CREATE TABLE result_layers (
  result_id INTEGER NOT NULL REFERENCES results,
  position INTEGER NOT NULL,  -- from the input on
  layer TEXT NOT NULL,
  units INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  PRIMARY KEY (result_id, position)
) STRICT, WITHOUT ROWID;

-- Estimated seconds of one private inference, by cost model; computed again when a model changes.
CREATE TABLE result_latencies (
  result_id INTEGER NOT NULL REFERENCES results,
  model TEXT NOT NULL,
  model_version TEXT NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (result_id, model)
) STRICT, WITHOUT ROWID;

-- Test accuracies lie apart, so that no view or listing shows them by accident: whoever looks
-- before the job is unsealed selects on the test set.
CREATE TABLE sealed_test_accuracy (
  result_id INTEGER PRIMARY KEY REFERENCES results,
  accuracy_test REAL NOT NULL
) STRICT;

CREATE TABLE workers (
  worker TEXT PRIMARY KEY,
  incarnation TEXT NOT NULL,  -- the newest
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  device TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  build_commit TEXT NOT NULL,
  slots INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE worker_incarnations (
  worker TEXT NOT NULL REFERENCES workers,
  incarnation TEXT NOT NULL,
  PRIMARY KEY (worker, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker_data_sets (
  worker TEXT NOT NULL REFERENCES workers,
  data_set TEXT NOT NULL,
  PRIMARY KEY (worker, data_set)
) STRICT, WITHOUT ROWID;

-- What happened, in order; rows are only added.
CREATE TABLE events (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  job_id INTEGER REFERENCES jobs,
  candidate_id INTEGER REFERENCES candidates,
  task_id INTEGER REFERENCES tasks,
  result_id INTEGER REFERENCES results,
  worker TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_job ON events (job_id, event_id);

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
  j.unsealed_at_ms
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
   ORDER BY p.epoch DESC LIMIT 1) AS pretrain_accuracy
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
  f.seed AS seed_fine_tune,
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
  r.created_at_ms
FROM results r
JOIN jobs j ON j.job_id = r.job_id
JOIN candidates c ON c.candidate_id = r.candidate_id
JOIN tasks f ON f.task_id = r.task_id
JOIN tasks p ON p.candidate_id = r.candidate_id AND p.stage = 'pretrain' AND p.budget = 0
JOIN tasks d ON d.candidate_id = r.candidate_id AND d.stage = 'linearize' AND d.budget = 0
LEFT JOIN measurements m ON m.task_id = r.task_id;

-- One row per result and objective, every value to be minimised (the accuracy enters negated, at
-- position -1). NULL where nothing is known.
CREATE VIEW result_objectives AS
SELECT r.result_id, -1 AS position, 'accuracy_validation' AS objective,
       -r.accuracy_validation AS value
FROM results r
UNION ALL
SELECT r.result_id, o.position, o.objective,
  CASE o.objective
    WHEN 'relus' THEN CAST(r.relus AS REAL)
    WHEN 'macs' THEN (SELECT CAST(c.macs AS REAL) FROM candidates c
                      WHERE c.candidate_id = r.candidate_id)
    WHEN 'parameters' THEN (SELECT CAST(c.parameters AS REAL) FROM candidates c
                            WHERE c.candidate_id = r.candidate_id)
    ELSE (SELECT l.seconds FROM result_latencies l
          WHERE l.result_id = r.result_id AND 'latency.' || l.model = o.objective)
  END
FROM results r JOIN job_objectives o ON o.job_id = r.job_id;

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

CREATE VIEW learning_curves_v AS
SELECT
  t.job_id AS job,
  t.candidate_id AS candidate,
  c.name,
  t.task_id AS task,
  t.stage,
  CASE t.stage WHEN 'fine-tune' THEN t.budget END AS budget,
  p.epoch,
  p.attempt,
  p.at_ms,
  p.loss,
  p.train_accuracy,
  p.validation_accuracy,
  p.learning_rate,
  p.lambda,
  p.relus,
  p.seconds
FROM stage_progress p
JOIN tasks t ON t.task_id = p.task_id
JOIN candidates c ON c.candidate_id = t.candidate_id;
