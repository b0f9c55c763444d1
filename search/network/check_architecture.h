#pragma once

// Ranges and meaning of an architecture's fields. Thread-safe.

#include "base/field_errors.h"
#include "search/network/architecture.h"

namespace reluscape {

// Adds one error per field that is out of its range, and one per field that is not at its default
// although the family (or the skip mode) gives it no meaning. Looks at no width and no side of a
// section: SectionShapes does.
void CheckFields(const Architecture& architecture, FieldErrors& errors);

}  // namespace reluscape
