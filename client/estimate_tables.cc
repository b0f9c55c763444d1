#include "client/estimate_tables.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/format.h"
#include "search/cost/papers.h"

namespace reluscape {
namespace {

using Columns = std::vector<TextTable::Column>;
using Rows = std::vector<std::vector<std::string>>;

constexpr char kNone[] = "-";

// Three significant digits, as seconds.
std::string Rounded(double value) { return value == 0 ? "0" : Seconds(value); }

std::string Mega(const std::optional<int64_t>& bytes) {
  return bytes ? Rounded(static_cast<double>(*bytes) / 1e6) : kNone;
}

std::string Giga(int64_t bytes) {
  return bytes == 0 ? kNone : Rounded(static_cast<double>(bytes) / 1e9);
}

std::string Bound(double seconds, bool lower_bound) {
  return absl::StrCat(lower_bound ? "≥ " : "", Rounded(seconds));
}

std::string BandText(const Band& band) {
  return band.high ? absl::StrCat(Rounded(band.low), " to ", Rounded(*band.high))
                   : absl::StrCat("from ", Rounded(band.low));
}

// "he_evaluation" -> "HE evaluation".
std::string TermLabel(const std::string& name) {
  std::string label = absl::StrReplaceAll(name, {{"_", " "}});
  for (const auto& [lower, upper] : {std::pair("he ", "HE "), {"gc ", "GC "}}) {
    if (label.rfind(lower, 0) == 0) label = upper + label.substr(3);
  }
  return label == term::kOt ? "OT" : label;
}

std::string TermCell(const TimeTerm* time) {
  if (time == nullptr) return "";
  if (!time->seconds) return "no source";
  return absl::StrCat(time->standing == Standing::kAtLeast ? "≥ " : "", Rounded(*time->seconds),
                      time->standing == Standing::kAssumed ? " *" : "");
}

const TimeTerm* FindTerm(const Phase& phase, const std::string& name) {
  for (const TimeTerm& time : phase.terms) {
    if (time.name == name) return &time;
  }
  return nullptr;
}

// The terms of both phases, each once, offline ones first.
std::vector<std::string> TermNames(const Estimate& estimate) {
  std::vector<std::string> names;
  for (const Phase* phase : {&estimate.offline, &estimate.online}) {
    for (const TimeTerm& time : phase->terms) {
      if (std::find(names.begin(), names.end(), time.name) == names.end()) {
        names.push_back(time.name);
      }
    }
  }
  // Communication last, as it is added up.
  for (const char* last : {term::kTransfer, term::kRoundTrips}) {
    const auto found = std::find(names.begin(), names.end(), last);
    if (found != names.end()) std::rotate(found, found + 1, names.end());
  }
  return names;
}

void AddTermRemarks(const char* name, const Phase& phase, std::vector<std::string>& remarks) {
  for (const TimeTerm& time : phase.terms) {
    if (time.standing == Standing::kSourced) continue;
    const char* mark = time.standing == Standing::kAssumed   ? "* assumed"
                       : time.standing == Standing::kAtLeast ? "≥ lower bound"
                                                             : "no source";
    remarks.push_back(absl::StrCat(mark, ": ", name, " ", TermLabel(time.name), ": ", time.reason));
  }
}

std::string PapersRemark(double seconds, int64_t relus) {
  return absl::StrCat("As papers on ReLU reduction print it, online and nonlinear only (",
                      kPapersSecondsPerRelu * 1e6, " us x ", WithSeparators(relus),
                      " ReLUs): ", Rounded(seconds),
                      " s; neither offline work nor linear layers nor the link are in it");
}

std::vector<std::string> RemarksOf(const EstimateRow& row) {
  const Estimate& estimate = *row.estimate;
  std::vector<std::string> remarks;
  const DominantTerm dominant = FindDominantTerm(estimate);
  if (dominant.seconds > 0) {
    remarks.push_back(absl::StrCat("Largest part: ", dominant.phase, " ", TermLabel(dominant.name),
                                   ", ", Percent(dominant.seconds / TotalSeconds(estimate), 0),
                                   " % of the total"));
  }
  remarks.push_back(absl::StrCat("Band: ", estimate.band_reason));
  if (estimate.client_storage_bytes > 0) {
    remarks.push_back(absl::StrCat(
        "Storage per pre-computed inference: client ", Giga(estimate.client_storage_bytes),
        " GB, server ", Giga(estimate.server_storage_bytes), " GB",
        estimate.stored_inferences ? absl::StrCat("; ", *estimate.stored_inferences, " fit") : ""));
  }
  if (estimate.service) {
    remarks.push_back(absl::StrCat("One request every ", Rounded(estimate.service->request_gap_s),
                                   " s: mean latency ", Rounded(estimate.service->mean_latency_s),
                                   " s, ", Percent(estimate.service->none_stored_probability),
                                   " % of the requests find no pre-computed inference"));
  }
  if (estimate.set_up_s || estimate.set_up_bytes.both.value_or(0) > 0) {
    remarks.push_back(absl::StrCat(
        "Set-up, once: ", estimate.set_up_s ? Rounded(*estimate.set_up_s) + " s, " : "",
        Mega(estimate.set_up_bytes.both), " MB"));
  }
  if (row.papers_s) remarks.push_back(PapersRemark(*row.papers_s, estimate.relus));
  AddTermRemarks("offline", estimate.offline, remarks);
  AddTermRemarks("online", estimate.online, remarks);
  for (const std::string& missing : estimate.not_modelled) {
    remarks.push_back(absl::StrCat("Not modelled: ", missing));
  }
  for (const std::string& note : estimate.notes) remarks.push_back(absl::StrCat("Note: ", note));
  return remarks;
}

Rows BreakdownRows(const Estimate& estimate) {
  Rows rows;
  const auto sum = [](const TimeTerm* a, const TimeTerm* b) -> std::string {
    const bool any = (a != nullptr && a->seconds) || (b != nullptr && b->seconds);
    if (!any) return kNone;
    return Rounded((a != nullptr ? a->seconds.value_or(0) : 0) +
                   (b != nullptr ? b->seconds.value_or(0) : 0));
  };
  for (const std::string& name : TermNames(estimate)) {
    const TimeTerm* offline = FindTerm(estimate.offline, name);
    const TimeTerm* online = FindTerm(estimate.online, name);
    rows.push_back({absl::StrCat(TermLabel(name), ", s"), TermCell(offline), TermCell(online),
                    sum(offline, online)});
  }
  const bool one_phase = estimate.offline.terms.empty();
  rows.push_back(
      {"total, s",
       one_phase ? kNone : Bound(OfflineSeconds(estimate), IsLowerBound(estimate.offline)),
       Bound(OnlineSeconds(estimate), IsLowerBound(estimate.online)),
       Bound(TotalSeconds(estimate), IsLowerBound(estimate))});
  rows.push_back({"expected, s", one_phase ? kNone : BandText(estimate.offline_band),
                  BandText(estimate.online_band), BandText(estimate.total_band)});
  const Traffic& offline = estimate.offline.bytes;
  const Traffic& online = estimate.online.bytes;
  const auto both = [](const std::optional<int64_t>& a, const std::optional<int64_t>& b) {
    return Mega(a && b ? std::optional<int64_t>(*a + *b) : std::nullopt);
  };
  rows.push_back({"up, MB", Mega(offline.up), Mega(online.up), both(offline.up, online.up)});
  rows.push_back(
      {"down, MB", Mega(offline.down), Mega(online.down), both(offline.down, online.down)});
  rows.push_back(
      {"both ways, MB", Mega(offline.both), Mega(online.both), both(offline.both, online.both)});
  if (estimate.offline.flights && estimate.online.flights) {
    rows.push_back({"flights", WithSeparators(*estimate.offline.flights),
                    WithSeparators(*estimate.online.flights),
                    WithSeparators(*estimate.offline.flights + *estimate.online.flights)});
  }
  return rows;
}

std::string Number(const std::optional<double>& value) { return value ? ExactNumber(*value) : ""; }

std::string Whole(const std::optional<int64_t>& value) { return value ? absl::StrCat(*value) : ""; }

void PrintCsv(const std::vector<EstimateRow>& rows, std::ostream& out) {
  Columns columns;
  for (const char* title : {"name",
                            "network",
                            "protocol",
                            "model",
                            "link",
                            "client",
                            "server",
                            "relus",
                            "polynomials",
                            "offline_s",
                            "online_s",
                            "total_s",
                            "lower_bound",
                            "band_low_s",
                            "band_high_s",
                            "offline_up_bytes",
                            "offline_down_bytes",
                            "offline_bytes",
                            "online_up_bytes",
                            "online_down_bytes",
                            "online_bytes",
                            "offline_flights",
                            "online_flights",
                            "client_storage_bytes",
                            "server_storage_bytes",
                            "stored_inferences",
                            "mean_latency_s",
                            "papers_online_nonlinear_s",
                            "error"}) {
    columns.push_back({title});
  }
  Rows cells;
  for (const EstimateRow& row : rows) {
    if (!row.estimate.ok()) {
      std::vector<std::string> refused(columns.size());
      refused[0] = row.name;
      refused[1] = row.network;
      refused[2] = row.protocol;
      refused.back() = std::string(row.estimate.status().message());
      cells.push_back(std::move(refused));
      continue;
    }
    const Estimate& e = *row.estimate;
    cells.push_back({row.name,
                     row.network,
                     e.protocol,
                     e.model,
                     e.link,
                     e.client,
                     e.server,
                     absl::StrCat(e.relus),
                     absl::StrCat(e.polynomials),
                     ExactNumber(OfflineSeconds(e)),
                     ExactNumber(OnlineSeconds(e)),
                     ExactNumber(TotalSeconds(e)),
                     IsLowerBound(e) ? "true" : "false",
                     ExactNumber(e.total_band.low),
                     Number(e.total_band.high),
                     Whole(e.offline.bytes.up),
                     Whole(e.offline.bytes.down),
                     Whole(e.offline.bytes.both),
                     Whole(e.online.bytes.up),
                     Whole(e.online.bytes.down),
                     Whole(e.online.bytes.both),
                     Whole(e.offline.flights),
                     Whole(e.online.flights),
                     absl::StrCat(e.client_storage_bytes),
                     absl::StrCat(e.server_storage_bytes),
                     Whole(e.stored_inferences),
                     e.service ? ExactNumber(e.service->mean_latency_s) : "",
                     Number(row.papers_s),
                     ""});
  }
  out << RenderTable(columns, cells, TableFormat::kCsv);
}

}  // namespace

void PrintBreakdown(const EstimateRow& row, TableFormat format, std::ostream& out) {
  if (format == TableFormat::kCsv) return PrintCsv({row}, out);
  const Estimate& estimate = *row.estimate;
  const std::vector<std::string> head = {
      absl::StrCat(row.name, ": ", WithSeparators(estimate.relus), " of ",
                   WithSeparators(row.network_relus), " ReLUs kept",
                   estimate.polynomials > 0
                       ? absl::StrCat(", ", WithSeparators(estimate.polynomials), " polynomials")
                       : ""),
      absl::StrCat(estimate.protocol, " (", estimate.model, "), link ", estimate.link, ", client ",
                   estimate.client, ", server ", estimate.server)};
  for (const std::string& line : head) {
    out << (format == TableFormat::kLatex ? "% " : "") << Printable(line) << '\n';
    if (format == TableFormat::kMarkdown) out << '\n';
  }
  if (format == TableFormat::kText) out << '\n';
  out << RenderTable({{""}, {"offline", true}, {"online", true}, {"total", true}},
                     BreakdownRows(estimate), format);
  out << RenderRemarks(RemarksOf(row), format);
}

void PrintComparison(const std::vector<EstimateRow>& rows, TableFormat format, std::ostream& out) {
  if (format == TableFormat::kCsv) return PrintCsv(rows, out);
  const bool papers = std::any_of(rows.begin(), rows.end(),
                                  [](const EstimateRow& row) { return row.papers_s.has_value(); });
  const bool service = std::any_of(rows.begin(), rows.end(), [](const EstimateRow& row) {
    return row.estimate.ok() && row.estimate->service;
  });
  Columns columns = {{"network"},          {"protocol"},         {"ReLUs", true},
                     {"offline s", true},  {"online s", true},   {"total s", true},
                     {"expected s", true}, {"offline MB", true}, {"online MB", true},
                     {"client GB", true}};
  if (service) columns.push_back({"mean latency s", true});
  if (papers) columns.push_back({"papers' online s", true});
  Rows cells;
  std::vector<std::string> remarks;
  std::set<std::string> said;
  const auto say = [&](const std::string& remark) {
    if (said.insert(remark).second) remarks.push_back(remark);
  };
  for (const EstimateRow& row : rows) {
    if (!row.estimate.ok()) {
      std::vector<std::string> line(columns.size(), kNone);
      line[0] = row.name;
      line[1] = row.protocol;
      cells.push_back(std::move(line));
      say(absl::StrCat(row.name, ", ", row.protocol,
                       ": refused: ", std::string(row.estimate.status().message())));
      continue;
    }
    const Estimate& e = *row.estimate;
    std::vector<std::string> line = {
        row.name,
        e.protocol,
        absl::StrCat(WithSeparators(e.relus),
                     e.polynomials > 0
                         ? absl::StrCat(" + ", WithSeparators(e.polynomials), " polynomials")
                         : ""),
        e.offline.terms.empty() ? kNone : Bound(OfflineSeconds(e), IsLowerBound(e.offline)),
        Bound(OnlineSeconds(e), IsLowerBound(e.online)),
        Bound(TotalSeconds(e), IsLowerBound(e)),
        BandText(e.total_band),
        Mega(e.offline.bytes.both),
        Mega(e.online.bytes.both),
        Giga(e.client_storage_bytes)};
    if (service) line.push_back(e.service ? Rounded(e.service->mean_latency_s) : kNone);
    if (papers) line.push_back(row.papers_s ? Rounded(*row.papers_s) : kNone);
    cells.push_back(std::move(line));
    say(absl::StrCat("Link ", e.link, ", client ", e.client, ", server ", e.server));
  }
  for (const EstimateRow& row : rows) {
    if (!row.estimate.ok()) continue;
    const Estimate& e = *row.estimate;
    std::vector<std::string> terms;
    AddTermRemarks("offline", e.offline, terms);
    AddTermRemarks("online", e.online, terms);
    for (const std::string& remark : terms) say(absl::StrCat(e.protocol, ": ", remark));
    for (const std::string& missing : e.not_modelled) {
      say(absl::StrCat(e.protocol, ": not modelled: ", missing));
    }
    say(absl::StrCat(e.protocol, ": band: ", e.band_reason));
  }
  if (papers) {
    remarks.push_back(
        absl::StrCat("papers' online s: ", kPapersSecondsPerRelu * 1e6,
                     " us per ReLU, the online, nonlinear-only number of papers on ReLU "
                     "reduction; neither offline work nor linear layers nor the link are in it"));
  }
  out << RenderTable(columns, cells, format);
  out << RenderRemarks(remarks, format);
}

void PrintLayers(const std::vector<EstimateRow>& rows, TableFormat format, std::ostream& out) {
  const bool csv = format == TableFormat::kCsv;
  const auto seconds = [csv](const std::optional<double>& value) {
    return csv ? Number(value) : value ? Rounded(*value) : kNone;
  };
  const auto bytes = [csv](const std::optional<int64_t>& value) {
    return csv ? Whole(value) : Mega(value);
  };
  const auto extra = [csv](const LayerEstimate& layer, const char* name) -> std::string {
    for (const Extra& e : layer.extras) {
      const auto* whole = std::get_if<int64_t>(&e.value);
      if (e.name == name && whole != nullptr) {
        return csv ? absl::StrCat(*whole) : WithSeparators(*whole);
      }
    }
    return "";
  };
  const Columns columns = csv ? Columns{{"name"},
                                        {"protocol"},
                                        {"layer"},
                                        {"kind"},
                                        {"relus"},
                                        {"polynomials"},
                                        {"offline_s"},
                                        {"online_s"},
                                        {"offline_bytes"},
                                        {"online_bytes"},
                                        {"he_plaintext_multiplications"},
                                        {"he_key_switches"}}
                              : Columns{{"network"},
                                        {"protocol"},
                                        {"layer"},
                                        {"kind"},
                                        {"ReLUs", true},
                                        {"polynomials", true},
                                        {"offline s", true},
                                        {"online s", true},
                                        {"offline MB", true},
                                        {"online MB", true},
                                        {"HE mult.", true},
                                        {"key switches", true}};
  Rows cells;
  for (const EstimateRow& row : rows) {
    if (!row.estimate.ok()) continue;
    for (const LayerEstimate& layer : row.estimate->layers) {
      const auto units = [csv](const std::optional<int64_t>& number) -> std::string {
        if (!number) return "";
        return csv ? absl::StrCat(*number) : WithSeparators(*number);
      };
      cells.push_back({row.name, row.protocol, layer.name, layer.kind, units(layer.relus),
                       units(layer.polynomials), seconds(layer.offline_s), seconds(layer.online_s),
                       bytes(layer.offline_bytes.both), bytes(layer.online_bytes.both),
                       extra(layer, "he.plaintext_multiplications"),
                       extra(layer, "he.key_switches")});
    }
  }
  out << RenderTable(columns, cells, format);
}

}  // namespace reluscape
