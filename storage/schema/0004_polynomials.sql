-- Version 4: polynomials of degree 2 in place of removed ReLUs, counted apart from ReLUs, with the
-- range of their inputs.

-- Of the units without a ReLU, those that are polynomials; the rest pass their input on.
ALTER TABLE result_layers ADD COLUMN polynomials INTEGER NOT NULL DEFAULT 0
  CHECK (polynomials BETWEEN 0 AND units - kept);
-- The smallest and the largest input of the layer's polynomials over the training images, not
-- augmented. NULL where the layer has none.
ALTER TABLE result_layers ADD COLUMN input_min REAL CHECK ((input_min IS NULL) = (polynomials = 0));
ALTER TABLE result_layers ADD COLUMN input_max REAL
  CHECK ((input_max IS NULL) = (polynomials = 0) AND input_min <= input_max);

DROP VIEW front_v;
DROP VIEW results_v;

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
  c.origin,
  coalesce((SELECT sum(l.polynomials) FROM result_layers l WHERE l.result_id = r.result_id), 0)
    AS polynomials
FROM results r
JOIN jobs j ON j.job_id = r.job_id
JOIN candidates c ON c.candidate_id = r.candidate_id
JOIN tasks f ON f.task_id = r.task_id
JOIN tasks p ON p.candidate_id = r.candidate_id AND p.stage = 'pretrain' AND p.budget = 0
LEFT JOIN tasks d ON d.candidate_id = r.candidate_id AND d.stage = 'linearize' AND d.budget = 0
LEFT JOIN measurements m ON m.task_id = r.task_id;

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
