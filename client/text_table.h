#pragma once

// Tables for a terminal, and CSV. Not thread-safe.

#include <string>
#include <vector>

namespace reluscape {

class TextTable {
 public:
  struct Column {
    std::string title;
    bool right = false;  // numbers
  };

  explicit TextTable(std::vector<Column> columns);

  // As many cells as there are columns; control characters are replaced.
  void AddRow(const std::vector<std::string>& cells);

  // A title line, a rule and the rows, each ended by a line feed and without blanks at its end.
  std::string ToString() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace reluscape
