-- Version 7: workers that may be wrong. What each of them has opened, why one gets no task, which
-- attempts were lost where, and by which copy of its data set a job goes.
--
-- Times in columns *_steady_ms are the coordinator's own: they start with the wall clock when it
-- starts and are never stepped. They mean nothing across its restarts.

ALTER TABLE workers ADD COLUMN protocol INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN behaviour INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN problem TEXT NOT NULL DEFAULT '';     -- as it says itself
ALTER TABLE workers ADD COLUMN quarantine TEXT NOT NULL DEFAULT '';  -- why it is kept out
ALTER TABLE workers ADD COLUMN failures_in_row INTEGER NOT NULL DEFAULT 0;
-- Heard of within the time of a lease, and not since it said that it ends.
ALTER TABLE workers ADD COLUMN connected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN heard_steady_ms INTEGER NOT NULL DEFAULT 0;

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

-- By which copy of its data set a job goes: as its file states, or as `reluscape data` chose.
ALTER TABLE jobs ADD COLUMN data_hash_stated TEXT;
ALTER TABLE jobs ADD COLUMN data_hash_chosen TEXT;

CREATE INDEX candidates_by_data ON candidates (job_id, data_hash) WHERE data_hash IS NOT NULL;

CREATE INDEX events_by_result ON events (result_id) WHERE result_id IS NOT NULL;

-- Attempts that count against jobs.max_attempts. Forgotten when a later one moves the checkpoint
-- on, and when the task is retried.
CREATE TABLE lost_attempts (
  task_id INTEGER NOT NULL REFERENCES tasks,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  expired INTEGER NOT NULL CHECK (expired IN (0, 1)),  -- the worker was not heard of in time
  artifact TEXT NOT NULL,  -- SHA-256 of the input that was of no use to it; '' = another reason
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;

ALTER TABLE tasks DROP COLUMN attempts_lost;
ALTER TABLE tasks RENAME COLUMN lease_until_ms TO lease_until_steady_ms;
ALTER TABLE tasks ADD COLUMN not_before_steady_ms INTEGER;  -- the pause after a lost attempt
