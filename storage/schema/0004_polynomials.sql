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
