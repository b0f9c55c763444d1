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
