-- Version 3: what private inference of a result costs, by metric; hard limits of jobs on it.

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
  result_id INTEGER NOT NULL REFERENCES results,
  metric_id INTEGER NOT NULL REFERENCES cost_metrics,
  source_id INTEGER NOT NULL REFERENCES cost_sources,
  value REAL,                       -- NULL: there is none, the note says why
  is_lower_bound INTEGER NOT NULL CHECK (is_lower_bound IN (0, 1)),
  PRIMARY KEY (result_id, metric_id)
) STRICT, WITHOUT ROWID;

-- Which metrics, versions and profiles the rows of a result are of, by a hash: what another hash
-- stands for is priced again.
CREATE TABLE result_price_sets (
  result_id INTEGER PRIMARY KEY REFERENCES results,
  price_set TEXT NOT NULL
) STRICT;

-- A result above one of them is never on the front.
CREATE TABLE job_cost_limits (
  job_id INTEGER NOT NULL REFERENCES jobs,
  position INTEGER NOT NULL,
  metric TEXT NOT NULL,  -- as in cost_metrics, or latency.<model>
  at_most REAL NOT NULL,
  PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;
