#pragma once

// The one step that a descent repeats; nothing else of a descent runs per batch.

#include "reluscape/v1/job.pb.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/mask_rules.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/polynomials.h"
#include "worker/torch/step_graph.h"
#include "worker/torch/teacher.h"

namespace reluscape {

// Borrows everything. Not thread-safe.
struct DescentStep {
  const Teacher& teacher;
  const GraphNetwork& student;  // in training mode, soft masks
  AdamOptimizer& weights;       // of the student's weights and coefficients
  MaskRule& rule;               // of the student's masks
  const v1::DistillationSpec& distillation;
  RangePenalty range = {};  // of the inputs of the student's polynomials

  // The teacher's logits unless `input` has them, the student forward and back, a step on the
  // weights and one on the masks under the rule's lambda. The loss that it returns has both
  // penalties in it; it and the logits are those from before the step. Can be recorded.
  StepResult Take(const StepInput& input) const;
};

}  // namespace reluscape
