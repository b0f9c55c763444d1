#pragma once

// One table in the forms that end up in papers. Not thread-safe.

#include <string>
#include <vector>

#include "client/text_table.h"

namespace reluscape {

enum class TableFormat { kText, kMarkdown, kLatex, kCsv };

// Rows of as many cells as there are columns. Text is TextTable's; Markdown is a pipe table; LaTeX
// a booktabs tabular; CSV as in RFC 4180 with a header. Signs that a form gives a meaning to are
// escaped.
std::string RenderTable(const std::vector<TextTable::Column>& columns,
                        const std::vector<std::vector<std::string>>& rows, TableFormat format);

// Lines to stand below such a table, after an empty one: a list in Markdown, comments in LaTeX. ""
// where there are none, and as CSV.
std::string RenderRemarks(const std::vector<std::string>& remarks, TableFormat format);

}  // namespace reluscape
