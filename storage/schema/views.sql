-- The views, for users and for the coordinator. Not part of a version of the schema: they are made
-- anew whenever a coordinator opens its database, so that each stands once, as it is now.
-- docs/database.md explains every column.

CREATE VIEW jobs_v AS
SELECT
  j.job_id AS job,
  j.name,
  j.state,
  j.data_set,
  j.recipe_short AS recipe,
  j.seed,
  (SELECT count(*) FROM candidates c WHERE c.job_id = j.job_id) AS candidates,
  (SELECT count(*) FROM tasks t WHERE t.job_id = j.job_id) AS tasks,
  (SELECT count(*) FROM tasks t
   WHERE t.job_id = j.job_id AND t.state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) AS tasks_ended,
  (SELECT count(*) FROM results r WHERE r.job_id = j.job_id) AS results,
  j.spec -> '$.objectives' AS objectives,
  j.created_at_ms,
  j.finished_at_ms,
  j.unsealed_at_ms,
  j.kind,
  j.archived_at_ms,
  j.keeps,
  j.threads,
  j.strategy,
  j.search_ended_at_ms,
  j.search_message,
  (SELECT max(h.hypervolume) FROM results r JOIN result_hypervolumes h USING (result_id)
   WHERE r.job_id = j.job_id) AS hypervolume
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
  CASE c.role WHEN 'section' THEN c.measured_section END AS measured_section,
  c.teacher_id AS teacher,
  c.origin,
  c.pretrained_file,
  c.pretrained_sha256,
  c.replacement,
  c.point,
  c.results_seen,
  c.reason
FROM candidates c;

-- A number of the report is REAL only by a cast: JSON has 1 for 1.0.
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
  CAST(r.report ->> 'accuracy_soft' AS REAL) AS accuracy_soft,
  CAST(r.report ->> 'accuracy_trimmed' AS REAL) AS accuracy_trimmed,
  r.accuracy_validation,
  CAST(r.report ->> 'accuracy_worst_class' AS REAL) AS accuracy_worst_class,
  CASE WHEN j.unsealed_at_ms IS NOT NULL
    THEN (SELECT s.accuracy_test FROM sealed_test_accuracy s WHERE s.result_id = r.result_id)
  END AS accuracy_test,
  (SELECT c.value FROM result_costs c JOIN cost_metrics m ON m.metric_id = c.metric_id
   WHERE c.result_id = r.result_id AND m.metric = 'papers.online_s') AS papers_online_s,
  j.recipe_short AS recipe,
  r.data_hash,
  r.split_hash,
  p.seed AS seed_pretrain,
  d.seed AS seed_linearize,
  CASE f.stage WHEN 'fine-tune' THEN f.seed END AS seed_fine_tune,
  j.split_seed AS seed_split,
  m.provenance ->> 'build_commit' AS build_commit,
  m.provenance ->> 'torch_version' AS torch_version,
  m.provenance ->> 'device' AS device,
  m.provenance ->> 'precision' AS precision,
  m.provenance ->> 'threads' AS threads,
  m.provenance ->> 'train_images' AS train_images,
  m.provenance ->> 'validation_images' AS validation_images,
  m.provenance ->> 'test_images' AS test_images,
  r.seconds_pretrain,
  r.seconds_linearize,
  r.seconds_fine_tune,
  r.worker,
  r.attempt,
  r.artifact_sha256,
  r.created_at_ms,
  c.role,
  c.origin,
  coalesce((SELECT sum(l.value ->> 'polynomials') FROM json_each(r.report, '$.layers') l), 0)
    AS polynomials,
  r.weights_removed_at_ms,
  c.replacement,
  r.reused_from,
  h.hypervolume,
  h.gain AS hypervolume_gain
FROM results r
JOIN jobs j ON j.job_id = r.job_id
JOIN candidates c ON c.candidate_id = r.candidate_id
JOIN tasks f ON f.task_id = r.task_id
JOIN tasks p ON p.candidate_id = r.candidate_id AND p.stage = 'pretrain' AND p.budget = 0
LEFT JOIN tasks d ON d.candidate_id = r.candidate_id AND d.stage = 'linearize' AND d.budget = 0
LEFT JOIN task_provenance m ON m.task_id = r.task_id
LEFT JOIN result_hypervolumes h ON h.result_id = r.result_id;

-- How each job's front has grown, result by result.
CREATE VIEW hypervolume_v AS
SELECT
  r.job_id AS job,
  h.result_id AS result,
  r.created_at_ms,
  h.trainings,
  h.device_seconds,
  h.hypervolume,
  h.gain
FROM result_hypervolumes h JOIN results r USING (result_id);

-- Which files of the artifact folder each job's rows name.
CREATE VIEW job_artifacts_v AS
SELECT n.job, a.sha256, a.bytes
FROM (
  SELECT job_id AS job, checkpoint_sha256 AS sha256 FROM tasks WHERE checkpoint_sha256 IS NOT NULL
  UNION SELECT job_id, weights_sha256 FROM tasks WHERE weights_sha256 IS NOT NULL
  UNION SELECT c.job_id, s.artifact_sha256 FROM snapshots s JOIN candidates c USING (candidate_id)
  UNION SELECT job_id, artifact_sha256 FROM results
  UNION SELECT c.job_id, c.pretrained_sha256 FROM candidates c JOIN jobs j USING (job_id)
    WHERE j.archived_at_ms IS NULL
) n JOIN artifacts a USING (sha256);

-- What the front trades against accuracy_validation, to be minimised.
CREATE VIEW job_objectives AS
SELECT j.job_id, o.key AS position, o.value AS objective
FROM jobs j, json_each(j.spec, '$.objectives') o;

-- A result above one of them is never on the front. In spec each is "<metric> <= <value>".
CREATE VIEW job_cost_limits AS
SELECT
  j.job_id,
  k.key AS position,
  trim(substr(k.value, 1, instr(k.value, '<=') - 1)) AS metric,
  CAST(trim(substr(k.value, instr(k.value, '<=') + 2)) AS REAL) AS at_most
FROM jobs j, json_each(j.spec, '$.limits.costs') k;

-- One row per setting of a job's recipe: "pretrain.learning_rate", 0.1; lists entry by entry.
CREATE VIEW job_settings_v AS
SELECT j.job_id AS job, replace(substr(s.fullkey, length('$.stages.') + 1), '"', '') AS name,
  s.atom AS value
FROM jobs j, json_tree(j.spec, '$.stages') s
WHERE s.type NOT IN ('object', 'array', 'null');

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
    ELSE (SELECT c.value FROM result_costs c JOIN cost_metrics m ON m.metric_id = c.metric_id
          WHERE c.result_id = r.result_id AND m.metric = o.objective)
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

CREATE VIEW class_accuracies_v AS
SELECT
  r.job_id AS job,
  r.result_id AS result,
  c.name,
  r.budget,
  r.relus,
  k.key AS class,
  k.value ->> 'name' AS class_name,
  k.value ->> 'images' AS images,
  k.value ->> 'correct' AS correct,
  -- NULL for a class without validation images
  1.0 * (k.value ->> 'correct') / nullif(k.value ->> 'images', 0) AS accuracy
FROM results r
JOIN json_each(r.report, '$.classes') k
JOIN candidates c ON c.candidate_id = r.candidate_id;

CREATE VIEW result_layers_v AS
SELECT
  r.job_id AS job,
  r.result_id AS result,
  c.name,
  r.budget,
  r.relus,
  l.key AS position,
  l.value ->> 'layer' AS layer,
  l.value ->> 'units' AS units,
  l.value ->> 'kept' AS kept,
  l.value ->> 'polynomials' AS polynomials,
  CAST(l.value ->> 'input_min' AS REAL) AS input_min,
  CAST(l.value ->> 'input_max' AS REAL) AS input_max
FROM results r
JOIN json_each(r.report, '$.layers') l
JOIN candidates c ON c.candidate_id = r.candidate_id;

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

-- One row per section of a network that a job of kind criticality has measured.
CREATE VIEW criticality_v AS
SELECT
  c.job_id AS job,
  k.candidate_id AS candidate,
  c.name,
  c.network,
  c.network_hash,
  k.section,
  k.relus,
  k.accuracy,
  k.accuracy_lowest,
  k.accuracy_highest,
  k.replicates,
  k.score,
  k.rank,
  j.spec ->> '$.criticality.exponent' AS exponent,
  j.spec ->> '$.criticality.baseline' AS baseline,
  j.data_set,
  j.recipe_short AS recipe,
  c.data_hash,
  c.split_hash
FROM criticality k
JOIN candidates c ON c.candidate_id = k.candidate_id
JOIN jobs j ON j.job_id = c.job_id;

-- Every price of every result; papers.online_s is the number of the ReLU-reduction papers.
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
JOIN cost_sources s ON s.source_id = c.source_id;

-- One row per result and hard limit of its job. holds is 0 where the value is above the limit and
-- where there is none.
CREATE VIEW result_limits_v AS
SELECT
  r.job_id AS job,
  r.result_id AS result,
  k.metric,
  k.at_most,
  c.value,
  coalesce(c.value, 9e999) <= k.at_most AS holds
FROM results r
JOIN job_cost_limits k ON k.job_id = r.job_id
LEFT JOIN cost_metrics m ON m.metric = k.metric
LEFT JOIN result_costs c ON c.result_id = r.result_id AND c.metric_id = m.metric_id;

-- The copy of each job's images that each connected worker has.
CREATE VIEW opened_data AS
SELECT j.job_id AS job, d.worker, d.data_hash
FROM jobs j
JOIN worker_data d ON d.data_set = j.data_set AND d.split_seed = j.split_seed
  AND d.classes = j.classes AND d.side = j.side AND d.train_images = j.train_images
  AND d.validation_images = j.validation_images AND d.test_images = j.test_images
JOIN workers w ON w.worker = d.worker
WHERE w.connected = 1 AND d.data_hash IS NOT NULL;

-- The copies of each job's data set: trained on, or in the hands of a connected worker.
CREATE VIEW data_copies_v AS
SELECT c.job_id AS job, c.data_hash, NULL AS worker, count(*) AS candidates
FROM candidates c
WHERE c.data_hash IS NOT NULL
GROUP BY c.job_id, c.data_hash
UNION ALL
SELECT job, data_hash, worker, 0 FROM opened_data;

-- For each worker and each job that runs: why that worker gets no task of that job; '' = it may.
-- The coordinator leases by this view and listings show it.
CREATE VIEW placement_v AS
SELECT
  w.worker,
  j.job_id AS job,
  CASE
    WHEN w.connected = 0 THEN 'it is not connected'
    WHEN w.quarantine <> '' THEN w.quarantine
    WHEN w.problem <> '' THEN w.problem
    WHEN NOT EXISTS (SELECT 1 FROM worker_data_sets s
                     WHERE s.worker = w.worker AND s.data_set = j.data_set)
      THEN 'it has no data set ' || j.data_set
    WHEN d.worker IS NULL THEN 'it has not opened data set ' || j.data_set || ' yet'
    WHEN d.problem <> '' THEN 'it cannot use data set ' || j.data_set || ': ' || d.problem
    WHEN d.data_hash <> coalesce(j.data_hash_stated, j.data_hash_chosen)
      THEN 'its copy of data set ' || j.data_set || ' has the data hash ' || d.data_hash
        || '; the job goes by ' || coalesce(j.data_hash_stated, j.data_hash_chosen)
    -- Undecided, and some copy differs from this worker's own. Above and below, not unequal: so
    -- the index tells at once that there is none.
    WHEN coalesce(j.data_hash_stated, j.data_hash_chosen) IS NULL AND (
        EXISTS (SELECT 1 FROM candidates c
                WHERE c.job_id = j.job_id AND c.data_hash < d.data_hash)
        OR EXISTS (SELECT 1 FROM candidates c
                   WHERE c.job_id = j.job_id AND c.data_hash > d.data_hash)
        OR EXISTS (SELECT 1 FROM opened_data o
                   WHERE o.job = j.job_id AND o.data_hash < d.data_hash)
        OR EXISTS (SELECT 1 FROM opened_data o
                   WHERE o.job = j.job_id AND o.data_hash > d.data_hash))
      THEN 'its copy of data set ' || j.data_set || ' has the data hash ' || d.data_hash
        || ', and others have another'
    ELSE ''
  END AS obstacle
FROM workers w
CROSS JOIN jobs j
LEFT JOIN worker_data d ON d.worker = w.worker AND d.data_set = j.data_set
  AND d.split_seed = j.split_seed AND d.classes = j.classes AND d.side = j.side
  AND d.train_images = j.train_images AND d.validation_images = j.validation_images
  AND d.test_images = j.test_images
WHERE j.state = 'RUNNING';
