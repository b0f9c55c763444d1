-- Version 5: how many validation images of each class a Result classifies right.

CREATE TABLE result_classes (
  result_id INTEGER NOT NULL REFERENCES results (result_id),
  class INTEGER NOT NULL CHECK (class >= 0),  -- the label
  name TEXT NOT NULL,
  images INTEGER NOT NULL CHECK (images >= 0),
  correct INTEGER NOT NULL CHECK (correct BETWEEN 0 AND images),
  PRIMARY KEY (result_id, class)
) STRICT, WITHOUT ROWID;

CREATE VIEW class_accuracies_v AS
SELECT
  r.job_id AS job,
  r.result_id AS result,
  c.name,
  r.budget,
  r.relus,
  k.class,
  k.name AS class_name,
  k.images,
  k.correct,
  -- NULL for a class without validation images
  1.0 * k.correct / nullif(k.images, 0) AS accuracy
FROM result_classes k
JOIN results r ON r.result_id = k.result_id
JOIN candidates c ON c.candidate_id = r.candidate_id;
