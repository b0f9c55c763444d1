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

DROP VIEW front_v;
DROP VIEW result_objectives;

-- Every price of every result; latency.<model> is the number of the ReLU-reduction papers.
CREATE VIEW result_costs_v AS
SELECT
  r.job_id AS job,
  c.result_id AS result,
  m.metric,
  c.value,
  s.model_version,
  s.profile,
  c.is_lower_bound AS lower_bound,
  s.note
FROM result_costs c
JOIN results r ON r.result_id = c.result_id
JOIN cost_metrics m ON m.metric_id = c.metric_id
JOIN cost_sources s ON s.source_id = c.source_id
UNION ALL
SELECT
  r.job_id,
  l.result_id,
  'latency.' || l.model,
  l.seconds,
  l.model_version,
  'papers',
  1,
  'online nonlinear work alone, as the papers on ReLU reduction print it'
FROM result_latencies l
JOIN results r ON r.result_id = l.result_id;

-- One row per result and hard limit of its job. holds is 0 where the value is above the limit and
-- where there is none.
CREATE VIEW result_limits_v AS
SELECT
  r.job_id AS job,
  r.result_id AS result,
  k.metric,
  k.at_most,
  coalesce(
    (SELECT c.value FROM result_costs c JOIN cost_metrics m ON m.metric_id = c.metric_id
     WHERE c.result_id = r.result_id AND m.metric = k.metric),
    (SELECT l.seconds FROM result_latencies l
     WHERE l.result_id = r.result_id AND 'latency.' || l.model = k.metric)) AS value,
  coalesce(
    (SELECT c.value FROM result_costs c JOIN cost_metrics m ON m.metric_id = c.metric_id
     WHERE c.result_id = r.result_id AND m.metric = k.metric),
    (SELECT l.seconds FROM result_latencies l
     WHERE l.result_id = r.result_id AND 'latency.' || l.model = k.metric),
    9e999) <= k.at_most AS holds
FROM results r JOIN job_cost_limits k ON k.job_id = r.job_id;

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
    ELSE coalesce(
      (SELECT c.value FROM result_costs c JOIN cost_metrics m ON m.metric_id = c.metric_id
       WHERE c.result_id = r.result_id AND m.metric = o.objective),
      (SELECT l.seconds FROM result_latencies l
       WHERE l.result_id = r.result_id AND 'latency.' || l.model = o.objective))
  END
FROM results r JOIN job_objectives o ON o.job_id = r.job_id;

-- The results that no other of the same job, recipe, data and split dominates: nowhere worse and
-- somewhere better in accuracy_validation and the job's objectives. A result with an unknown or
-- infinite objective, or one that does not keep to the job's limits, is never on the front and
-- dominates nothing.
CREATE VIEW front_v AS
SELECT v.*
FROM results_v v
WHERE NOT EXISTS (
    SELECT 1 FROM result_objectives o
    WHERE o.result_id = v.result AND (o.value IS NULL OR abs(o.value) > 1.7976931348623157e308))
  AND NOT EXISTS (SELECT 1 FROM result_limits_v l WHERE l.result = v.result AND NOT l.holds)
  AND NOT EXISTS (
    SELECT 1 FROM results r
    WHERE r.job_id = v.job AND r.data_hash = v.data_hash AND r.split_hash = v.split_hash
      AND r.result_id <> v.result
      AND NOT EXISTS (SELECT 1 FROM result_limits_v l WHERE l.result = r.result_id AND NOT l.holds)
      AND NOT EXISTS (
        SELECT 1 FROM result_objectives a
        JOIN result_objectives b ON b.position = a.position
        WHERE a.result_id = r.result_id AND b.result_id = v.result
          AND (a.value IS NULL OR abs(a.value) > 1.7976931348623157e308 OR a.value > b.value))
      AND EXISTS (
        SELECT 1 FROM result_objectives a
        JOIN result_objectives b ON b.position = a.position
        WHERE a.result_id = r.result_id AND b.result_id = v.result AND a.value < b.value));
