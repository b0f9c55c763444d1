-- Version 5: how many validation images of each class a Result classifies right.

CREATE TABLE result_classes (
  result_id INTEGER NOT NULL REFERENCES results (result_id),
  class INTEGER NOT NULL CHECK (class >= 0),  -- the label
  name TEXT NOT NULL,
  images INTEGER NOT NULL CHECK (images >= 0),
  correct INTEGER NOT NULL CHECK (correct BETWEEN 0 AND images),
  PRIMARY KEY (result_id, class)
) STRICT, WITHOUT ROWID;
