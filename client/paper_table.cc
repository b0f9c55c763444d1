#include "client/paper_table.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/csv.h"
#include "client/format.h"

namespace reluscape {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string Markdown(const std::vector<TextTable::Column>& columns, const Rows& rows) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (const std::string& cell : cells) {
      absl::StrAppend(&text, " ", absl::StrReplaceAll(Printable(cell), {{"|", "\\|"}}), " |");
    }
    return text + "\n";
  };
  std::vector<std::string> titles;
  std::string rule = "|";
  for (const TextTable::Column& column : columns) {
    titles.push_back(column.title);
    absl::StrAppend(&rule, column.right ? "---:|" : "---|");
  }
  std::string text = absl::StrCat(line(titles), rule, "\n");
  for (const std::vector<std::string>& row : rows) text += line(row);
  return text;
}

std::string Latex(const std::vector<TextTable::Column>& columns, const Rows& rows) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::vector<std::string> escaped;
    for (const std::string& cell : cells) {
      escaped.push_back(absl::StrReplaceAll(Printable(cell), {{"\\", "\\textbackslash{}"},
                                                              {"&", "\\&"},
                                                              {"%", "\\%"},
                                                              {"$", "\\$"},
                                                              {"#", "\\#"},
                                                              {"_", "\\_"},
                                                              {"{", "\\{"},
                                                              {"}", "\\}"},
                                                              {"~", "\\textasciitilde{}"},
                                                              {"^", "\\textasciicircum{}"},
                                                              {"≥", "$\\geq$"}}));
    }
    return absl::StrCat(absl::StrJoin(escaped, " & "), " \\\\\n");
  };
  std::vector<std::string> titles;
  std::string alignment;
  for (const TextTable::Column& column : columns) {
    titles.push_back(column.title);
    alignment += column.right ? 'r' : 'l';
  }
  std::string text =
      absl::StrCat("\\begin{tabular}{", alignment, "}\n\\toprule\n", line(titles), "\\midrule\n");
  for (const std::vector<std::string>& row : rows) text += line(row);
  return text + "\\bottomrule\n\\end{tabular}\n";
}

std::string Csv(const std::vector<TextTable::Column>& columns, const Rows& rows) {
  std::vector<std::string> titles;
  titles.reserve(columns.size());
  for (const TextTable::Column& column : columns) titles.push_back(column.title);
  std::string text = CsvRecord(titles);
  for (const std::vector<std::string>& row : rows) text += CsvRecord(row);
  return text;
}

std::string Text(const std::vector<TextTable::Column>& columns, const Rows& rows) {
  TextTable table(columns);
  for (const std::vector<std::string>& row : rows) table.AddRow(row);
  return table.ToString();
}

}  // namespace

std::string RenderTable(const std::vector<TextTable::Column>& columns, const Rows& rows,
                        TableFormat format) {
  switch (format) {
    case TableFormat::kText:
      return Text(columns, rows);
    case TableFormat::kMarkdown:
      return Markdown(columns, rows);
    case TableFormat::kLatex:
      return Latex(columns, rows);
    case TableFormat::kCsv:
      return Csv(columns, rows);
  }
  return "";
}

std::string RenderRemarks(const std::vector<std::string>& remarks, TableFormat format) {
  if (remarks.empty() || format == TableFormat::kCsv) return "";
  const std::string before = format == TableFormat::kMarkdown ? "- "
                             : format == TableFormat::kLatex  ? "% "
                                                              : "";
  std::string text = "\n";
  for (const std::string& remark : remarks) absl::StrAppend(&text, before, Printable(remark), "\n");
  return text;
}

}  // namespace reluscape
