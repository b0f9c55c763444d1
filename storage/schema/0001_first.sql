-- Version 1 of the database of a Reluscape coordinator.
--
-- Only the coordinator writes. Read it with any SQLite program (open it read-only), and read the
-- views (views.sql). Their columns keep their meaning; tables may change with a migration.
-- docs/database.md explains every column.
--
-- Times are milliseconds since 1970-01-01 UTC (columns *_ms), accuracies fractions in [0, 1],
-- seconds wall-clock seconds (columns seconds*, *_s). Times in columns *_steady_ms are the
-- coordinator's own: they start with the wall clock when it starts, are never stepped, and mean
-- nothing across its restarts. Ids are never used again, also not those of a job that was deleted,
-- with which everything of it goes (ON DELETE CASCADE).

-- Facts of the installation: artifact_folder_id = content of the marker in its artifact folder.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
  job_id INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT UNIQUE,  -- chosen by the submitter, NULL if not
  state TEXT NOT NULL CHECK (state IN ('RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')),
  recipe TEXT NOT NULL,         -- hash of the stage settings
  split_seed INTEGER NOT NULL,  -- which images are held out for validation
  spec TEXT NOT NULL,           -- the job file with every default filled in (docs/job-file.md)
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  unsealed_at_ms INTEGER,       -- since when test accuracies are shown
  data_hash_chosen TEXT,        -- by which copy of its data set it goes, as `reluscape data` chose
  archived_at_ms INTEGER,       -- since when only the weights of keeps are there
  keeps TEXT NOT NULL DEFAULT 'all' CHECK (keeps IN ('all', 'results', 'front', 'nothing')),
  hypervolume_box TEXT,         -- HypervolumeBox of views.proto, as JSON; NULL: it makes no front
  search_ended_at_ms INTEGER,   -- since when no more networks are chosen; NULL also: it never chose
  search_message TEXT NOT NULL DEFAULT '',  -- what the search did last, or why it has ended

  -- What is joined or asked for of spec.
  name TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.name') STORED,
  kind TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.kind') STORED,
  seed INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.seed') STORED,
  data_set TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.set') STORED,
  classes INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.classes') STORED,
  side INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.side') STORED,
  train_images INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.train_images') STORED,
  validation_images INTEGER NOT NULL
    GENERATED ALWAYS AS (spec ->> '$.data.validation_images') STORED,
  test_images INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.test_images') STORED,
  recipe_short TEXT NOT NULL GENERATED ALWAYS AS (substr(recipe, 1, 12)) STORED,
  data_hash_stated TEXT GENERATED ALWAYS AS (spec ->> '$.data.hash') STORED,
  strategy TEXT GENERATED ALWAYS AS (spec ->> '$.search.strategy') STORED,  -- NULL: a list alone
  threads INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.threads') STORED
) STRICT;

CREATE TABLE candidates (
  candidate_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
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
  -- search: pretrain, linearize and a fine-tune per budget. teacher: pretrain alone. section:
  -- pretrain alone, ReLUs in measured_section only, learning from teacher_id. whole: pretrain alone,
  -- learning from teacher_id, and its network with all its ReLUs is its one result.
  role TEXT NOT NULL DEFAULT 'search' CHECK (role IN ('search', 'teacher', 'section', 'whole')),
  measured_section INTEGER NOT NULL DEFAULT 0,  -- of a section, from 1
  teacher_id INTEGER REFERENCES candidates ON DELETE CASCADE,
  origin TEXT NOT NULL DEFAULT '',  -- 'named', or the generator with its order and that one's source
  -- The file with the weights, as the job file names it, and its content; NULL: they are trained.
  -- The content itself goes when the job is archived.
  pretrained_file TEXT,
  pretrained_sha256 TEXT,
  replacement TEXT NOT NULL,   -- what its removed ReLUs become: identity, polynomial
  -- Of one that a search has chosen: its choices, as a JSON array of their numbers; the newest
  -- result that the search knew then (0: none); and why.
  point TEXT,
  results_seen INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  UNIQUE (job_id, network_hash, replacement, replicate)
) STRICT;

CREATE INDEX candidates_by_network ON candidates (network_hash);
CREATE INDEX candidates_by_teacher ON candidates (teacher_id) WHERE teacher_id IS NOT NULL;
CREATE INDEX candidates_by_pretrained ON candidates (pretrained_sha256)
  WHERE pretrained_sha256 IS NOT NULL;
CREATE INDEX candidates_by_data ON candidates (job_id, data_hash) WHERE data_hash IS NOT NULL;

CREATE TABLE candidate_budgets (
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
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
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  stage TEXT NOT NULL CHECK (stage IN ('pretrain', 'linearize', 'fine-tune')),
  budget INTEGER NOT NULL,  -- of a fine-tune, else 0
  seed INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('BLOCKED', 'QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  attempt INTEGER NOT NULL DEFAULT 0,  -- number of the newest lease
  worker TEXT NOT NULL DEFAULT '',     -- of the newest lease
  lease_until_steady_ms INTEGER,
  not_before_steady_ms INTEGER,        -- the pause after a lost attempt
  epochs_planned INTEGER NOT NULL DEFAULT 0,
  device_seconds REAL NOT NULL DEFAULT 0,
  checkpoint_sha256 TEXT REFERENCES artifacts,
  checkpoint_epochs INTEGER NOT NULL DEFAULT 0,
  weights_sha256 TEXT REFERENCES artifacts,  -- of a pretrain that succeeded
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  message TEXT NOT NULL DEFAULT '',
  UNIQUE (candidate_id, stage, budget),
  CHECK ((state = 'LEASED') = (lease_until_steady_ms IS NOT NULL))
) STRICT;

CREATE INDEX tasks_by_state ON tasks (state, job_id, stage);
CREATE INDEX tasks_by_job ON tasks (job_id, state);
CREATE INDEX tasks_by_checkpoint ON tasks (checkpoint_sha256) WHERE checkpoint_sha256 IS NOT NULL;
CREATE INDEX tasks_by_weights ON tasks (weights_sha256) WHERE weights_sha256 IS NOT NULL;

-- Learning curves: one row per finished epoch of a task.
CREATE TABLE stage_progress (
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
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
CREATE TABLE task_provenance (
  task_id INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  provenance TEXT NOT NULL  -- Provenance of report.proto, as JSON
) STRICT;

-- Where a descent crossed a budget: the fine-tune of that budget starts here.
CREATE TABLE snapshots (
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  budget INTEGER NOT NULL,
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  artifact_sha256 TEXT REFERENCES artifacts,  -- NULL: removed when the job was archived
  relus INTEGER NOT NULL,  -- >= budget, before the trim
  epoch INTEGER NOT NULL,
  device_seconds REAL NOT NULL,  -- of the descent up to here
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (candidate_id, budget)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshots_by_task ON snapshots (task_id);
CREATE INDEX snapshots_by_artifact ON snapshots (artifact_sha256);

CREATE TABLE results (
  result_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  task_id INTEGER NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
  report TEXT NOT NULL,  -- what was reported: ResultReport of report.proto, as JSON
  data_hash TEXT NOT NULL,
  split_hash TEXT NOT NULL,
  seconds_pretrain REAL NOT NULL,
  seconds_linearize REAL NOT NULL,
  seconds_fine_tune REAL NOT NULL,
  worker TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  weights_removed_at_ms INTEGER,  -- when the job was archived without them
  reused_from INTEGER,  -- the result of an earlier job that it is a copy of; nothing was trained

  -- What is joined, sorted or asked for of report.
  budget INTEGER NOT NULL GENERATED ALWAYS AS (report ->> '$.budget') STORED,
  relus INTEGER NOT NULL GENERATED ALWAYS AS (report ->> '$.relus') STORED,
  accuracy_validation REAL NOT NULL  -- final, the one that ranks
    GENERATED ALWAYS AS (report ->> '$.accuracy_validation') STORED,
  artifact_sha256 TEXT REFERENCES artifacts  -- final weights and masks, while they are there
    GENERATED ALWAYS AS (CASE WHEN weights_removed_at_ms IS NULL
                         THEN report ->> '$.artifact.sha256' END) STORED,
  UNIQUE (candidate_id, budget)
) STRICT;

CREATE INDEX results_by_job ON results (job_id, result_id);
CREATE INDEX results_by_artifact ON results (artifact_sha256);

-- The hypervolume of the job's front in the units of its hypervolume_box, when the result arrived.
CREATE TABLE result_hypervolumes (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
  hypervolume REAL NOT NULL,
  gain REAL NOT NULL,             -- by how much the result raised it
  trainings INTEGER NOT NULL,     -- networks with a result so far
  device_seconds REAL NOT NULL    -- that the job's tasks had taken
) STRICT;

-- Test accuracies lie apart, so that no view or listing shows them by accident: whoever looks
-- before the job is unsealed selects on the test set.
CREATE TABLE sealed_test_accuracy (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
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
  fast_precisions TEXT NOT NULL,  -- that its device computes faster than float32, with spaces between
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  behaviour INTEGER NOT NULL,
  machine TEXT NOT NULL,                -- whose workers share the cores; '' = its own
  cores INTEGER NOT NULL,               -- for its tasks; 0 = they compute on another device
  sharers INTEGER NOT NULL,             -- workers that share them
  problem TEXT NOT NULL DEFAULT '',     -- as it says itself
  quarantine TEXT NOT NULL DEFAULT '',  -- why it is kept out
  failures_in_row INTEGER NOT NULL DEFAULT 0,
  -- Heard of within the time of a lease, and not since it said that it ends.
  connected INTEGER NOT NULL DEFAULT 0,
  heard_steady_ms INTEGER NOT NULL DEFAULT 0
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

-- What happened, in order; rows are only added. Those of a job that is deleted go with it, but for
-- the one that says so.
CREATE TABLE events (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  job_id INTEGER,
  candidate_id INTEGER,
  task_id INTEGER,
  result_id INTEGER,
  worker TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_job ON events (job_id, event_id);
CREATE INDEX events_by_result ON events (result_id) WHERE result_id IS NOT NULL;

-- Scores of the sections of a network, by all its replicates; written once, with the last of them.
CREATE TABLE criticality (
  candidate_id INTEGER NOT NULL
    REFERENCES candidates ON DELETE CASCADE,  -- the full network, replicate 0
  section INTEGER NOT NULL,    -- from 1
  relus INTEGER NOT NULL,      -- of the section
  accuracy REAL NOT NULL,      -- validation, ReLUs in this section alone; mean over the replicates
  accuracy_lowest REAL NOT NULL,
  accuracy_highest REAL NOT NULL,
  replicates INTEGER NOT NULL,
  score REAL NOT NULL,
  rank INTEGER NOT NULL,       -- 1 = most critical
  PRIMARY KEY (candidate_id, section),
  UNIQUE (candidate_id, rank)
) STRICT, WITHOUT ROWID;

-- "cheetah.online_s@wan": <protocol>.<output>@<link or preset>, always in full.
CREATE TABLE cost_metrics (
  metric_id INTEGER PRIMARY KEY,
  metric TEXT NOT NULL UNIQUE
) STRICT;

-- What a value was computed with, and what is assumed or missing in it. Apart from the values,
-- because a few rows serve all of them.
CREATE TABLE cost_sources (
  source_id INTEGER PRIMARY KEY,
  model_version TEXT NOT NULL,  -- of the protocol's model
  profile TEXT NOT NULL,        -- machines, link or preset by name, and a hash of their constants
  note TEXT NOT NULL,
  UNIQUE (model_version, profile, note)
) STRICT;

-- By the ReLUs that each layer of the result kept; computed again when a model, a profile or the
-- list of metrics changes.
CREATE TABLE result_costs (
  result_id INTEGER NOT NULL REFERENCES results ON DELETE CASCADE,
  metric_id INTEGER NOT NULL REFERENCES cost_metrics,
  source_id INTEGER NOT NULL REFERENCES cost_sources,
  value REAL,                       -- NULL: there is none, the note says why
  is_lower_bound INTEGER NOT NULL CHECK (is_lower_bound IN (0, 1)),
  PRIMARY KEY (result_id, metric_id)
) STRICT, WITHOUT ROWID;

-- Which metrics, versions and profiles the rows of a result are of, by a hash: what another hash
-- stands for is priced again.
CREATE TABLE result_price_sets (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
  price_set TEXT NOT NULL
) STRICT;

-- Files that users have stored. One that no candidate names is removed after a day.
CREATE TABLE uploads (
  sha256 TEXT PRIMARY KEY REFERENCES artifacts ON DELETE CASCADE,
  uploaded_at_ms INTEGER NOT NULL  -- the last time
) STRICT, WITHOUT ROWID;

-- Images that a worker has opened for jobs: their hash, or why it cannot use them.
CREATE TABLE worker_data (
  worker TEXT NOT NULL REFERENCES workers,
  data_set TEXT NOT NULL,
  classes INTEGER NOT NULL,
  side INTEGER NOT NULL,
  train_images INTEGER NOT NULL,
  validation_images INTEGER NOT NULL,
  test_images INTEGER NOT NULL,
  split_seed INTEGER NOT NULL,
  data_hash TEXT,
  split_hash TEXT,
  problem TEXT NOT NULL,
  PRIMARY KEY (worker, data_set, split_seed, classes, side, train_images, validation_images,
               test_images)
) STRICT, WITHOUT ROWID;

CREATE INDEX worker_data_by_images ON worker_data
  (data_set, split_seed, classes, side, train_images, validation_images, test_images, data_hash);

-- Attempts that count against limits.max_attempts of the job. Forgotten when a later one moves the checkpoint
-- on, and when the task is retried.
CREATE TABLE lost_attempts (
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  expired INTEGER NOT NULL CHECK (expired IN (0, 1)),  -- the worker was not heard of in time
  artifact TEXT NOT NULL,  -- SHA-256 of the input that was of no use to it; '' = another reason
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;
