-- Version 1 of the database of a Reluscape coordinator.
--
-- Only the coordinator writes. Read it with any SQLite program (open it read-only), and read the
-- views (views.sql). Their columns keep their meaning; tables may change with a migration.
-- docs/database.md explains every column.
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
