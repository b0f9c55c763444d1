#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "search/cost/cheetah.h"
#include "search/cost/ckks_model.h"
#include "search/cost/cryptflow2.h"
#include "search/cost/delphi.h"
#include "search/cost/protocol_model.h"
#include "search/cost/spu.h"

namespace reluscape {

const std::vector<const ProtocolModel*>& ProtocolModels() {
  // Never destroyed: callers may still hold a pointer while the program ends.
  static const auto* const models = new std::vector<const ProtocolModel*>{
      new Delphi(Garbler::kServer),
      new Delphi(Garbler::kClient),
      new Cryptflow2(Cryptflow2Linear::kOt),
      new Cryptflow2(Cryptflow2Linear::kHe),
      new Cheetah(),
      new Spu(SpuProtocol::kSemi2k),
      new Spu(SpuProtocol::kCheetah),
      new Ckks(),
  };  // a new protocol: one line here
  return *models;
}

absl::StatusOr<const ProtocolModel*> FindProtocolModel(const std::string& name) {
  std::vector<std::string> names;
  for (const ProtocolModel* model : ProtocolModels()) {
    if (model->Name() == name) return model;
    names.push_back(model->Name());
  }
  return absl::InvalidArgumentError(
      absl::StrCat("protocol: found ", name, "; allowed: ", absl::StrJoin(names, ", ")));
}

namespace {

// With kMaxPricedComparisons units no sum leaves 63 bits.
constexpr int64_t kMaxPolynomialBytes = 1'000'000;

void CheckNumber(const std::string& field, const std::optional<double>& value, double low,
                 FieldErrors& errors) {
  if (value && !(std::isfinite(*value) && *value >= low)) {
    errors.Add(field, absl::StrCat(*value), absl::StrCat("a finite number, at least ", low));
  }
}

void CheckPolynomialBytes(const std::string& field, const std::optional<int64_t>& bytes,
                          FieldErrors& errors) {
  if (bytes && (*bytes < 0 || *bytes > kMaxPolynomialBytes)) {
    errors.Add(field, absl::StrCat(*bytes), absl::StrCat("0 to ", kMaxPolynomialBytes));
  }
}

void CheckSetting(const Setting& setting, FieldErrors& errors) {
  if (setting.ring_bits < 2 || setting.ring_bits > 64) {
    errors.Add("ring_bits", absl::StrCat(setting.ring_bits), "2 to 64");
  }
  if (setting.gc_bytes_per_gate < 1 || setting.gc_bytes_per_gate > 256) {
    errors.Add("gc_bytes_per_gate", absl::StrCat(setting.gc_bytes_per_gate), "1 to 256");
  }
  CheckNumber("request_gap_s", setting.service.request_gap_s, 1e-9, errors);
  for (const auto& storage :
       {setting.service.client_storage_bytes, setting.service.server_storage_bytes}) {
    if (storage && *storage < 0) errors.Add("storage", absl::StrCat(*storage), "at least 0 bytes");
  }
  const MeasuredTerms& measured = setting.measured;
  CheckNumber("measured.he_evaluation_s", measured.he_evaluation_s, 0, errors);
  CheckNumber("measured.encryption_s", measured.encryption_s, 0, errors);
  CheckNumber("measured.decryption_s", measured.decryption_s, 0, errors);
  CheckNumber("measured.encode_offline_s", measured.encode_offline_s, 0, errors);
  CheckNumber("measured.encode_online_s", measured.encode_online_s, 0, errors);
  CheckNumber("measured.shares_s", measured.shares_s, 0, errors);
  CheckNumber("polynomial.offline_s", setting.polynomial.offline_s, 0, errors);
  CheckNumber("polynomial.online_s", setting.polynomial.online_s, 0, errors);
  CheckPolynomialBytes("polynomial.offline_bytes", setting.polynomial.offline_bytes, errors);
  CheckPolynomialBytes("polynomial.online_bytes", setting.polynomial.online_bytes, errors);
}

void CheckKept(const PricedNetwork& network, FieldErrors& errors) {
  const std::vector<NonlinearLayer>& layers = network.layers->nonlinear;
  if (network.kept.size() != layers.size()) {
    errors.Add("kept", absl::StrCat(network.kept.size(), " counts"),
               absl::StrCat("one for each of ", layers.size(), " nonlinear layers"));
    return;
  }
  if (!network.polynomials.empty() && network.polynomials.size() != layers.size()) {
    errors.Add("polynomials", absl::StrCat(network.polynomials.size(), " counts"),
               absl::StrCat("none, or one for each of ", layers.size(), " nonlinear layers"));
    return;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool max_pool = layers[i].kind == NonlinearKind::kMaxPool;
    const int64_t low = max_pool ? layers[i].units : 0;
    if (network.kept[i] < low || network.kept[i] > layers[i].units) {
      errors.Add(layers[i].name, absl::StrCat(network.kept[i], " kept"),
                 absl::StrCat(low, " to ", layers[i].units));
      continue;
    }
    const int64_t removed = layers[i].units - network.kept[i];
    if (network.PolynomialsOf(i) < 0 || network.PolynomialsOf(i) > removed) {
      errors.Add(layers[i].name, absl::StrCat(network.PolynomialsOf(i), " polynomials"),
                 absl::StrCat("0 to ", removed, ", the units without a ReLU"));
    }
  }
}

}  // namespace

absl::StatusOr<Estimate> PricePrivateInference(const ProtocolModel& model,
                                               const PricedNetwork& network,
                                               const Setting& setting) {
  FieldErrors errors;
  CheckKept(network, errors);
  CheckSetting(setting, errors);
  if (!errors.empty()) return errors.ToStatus();
  return model.Price(network, setting);
}

}  // namespace reluscape
