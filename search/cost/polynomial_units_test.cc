// What polynomials of degree 2 in place of ReLUs cost, by every protocol.

#include "search/cost/polynomial_units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "search/cost/cost_test_util.h"
#include "search/cost/delphi_polynomials.h"
#include "search/cost/metric_pricer.h"
#include "search/cost/spu.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;

Setting AnySetting() { return SettingOf("epyc_7502", "epyc_7502", "100/500/0.02"); }

PricedNetwork Keeping(const NetworkLayers& layers, int64_t relus, bool polynomials) {
  PricedNetwork network = *KeepRelus(layers, relus);
  if (polynomials) MakeRestPolynomials(network);
  return network;
}

Estimate Price(const std::string& protocol, const PricedNetwork& network, const Setting& setting) {
  return *PricePrivateInference(**FindProtocolModel(protocol), network, setting);
}

double Output(const Estimate& estimate, const std::string& name) {
  return FindOutput(estimate, name).value_or(-1);
}

const TimeTerm* Term(const Phase& phase, const std::string& name) {
  for (const TimeTerm& term : phase.terms) {
    if (term.name == name) return &term;
  }
  return nullptr;
}

TEST(SquareTest, BitsByObliviousTransfer) {
  // 37 + 36 + ... + 1 = 703; 128 bits more per transfer by IKNP, 1.3 by silent OT.
  EXPECT_EQ(IknpSquareSenderTenthBits(37), 7'030);
  EXPECT_EQ(IknpSquareReceiverTenthBits(37), 47'360);
  EXPECT_EQ(SilentSquareTenthBits(37), 7'030 + 481);
  EXPECT_EQ(SilentSquareTenthBits(64), 20'800 + 832);
}

class PolynomialsTest : public testing::TestWithParam<std::string> {
 protected:
  const NetworkLayers layers_ = *LayersOf(ArtifactResNet32());
};

TEST_P(PolynomialsTest, AreCountedApartAndNeverFree) {
  const Estimate identity = Price(GetParam(), Keeping(layers_, 100'000, false), AnySetting());
  const Estimate polynomials = Price(GetParam(), Keeping(layers_, 100'000, true), AnySetting());
  EXPECT_EQ(identity.polynomials, 0);
  EXPECT_EQ(polynomials.relus, 100'000);
  EXPECT_EQ(polynomials.polynomials, 303'104 - 100'000);
  EXPECT_GT(TotalSeconds(polynomials), TotalSeconds(identity));
  EXPECT_GE(polynomials.online.bytes.both.value_or(0), identity.online.bytes.both.value_or(0));
}

TEST_P(PolynomialsTest, NoneOfThemChangesNothing) {
  PricedNetwork network = Keeping(layers_, 100'000, false);
  const Estimate without = Price(GetParam(), network, AnySetting());
  network.polynomials.assign(network.kept.size(), 0);
  const Estimate zeros = Price(GetParam(), network, AnySetting());
  EXPECT_EQ(Outputs(without), Outputs(zeros));
  EXPECT_EQ(without.notes, zeros.notes);
  EXPECT_EQ(without.not_modelled, zeros.not_modelled);
}

TEST_P(PolynomialsTest, MoreThanTheRemovedUnitsAreRefused) {
  PricedNetwork network = Keeping(layers_, 100'000, true);
  ++network.polynomials[2];
  const auto price = [&] {
    return std::string(PricePrivateInference(**FindProtocolModel(GetParam()), network, AnySetting())
                           .status()
                           .message());
  };
  EXPECT_THAT(price(), AllOf(HasSubstr("relu3"), HasSubstr("polynomials"),
                             HasSubstr("the units without a ReLU")));
  network.polynomials[2] = -1;
  EXPECT_THAT(price(), HasSubstr("-1 polynomials"));
  network.polynomials.pop_back();
  EXPECT_THAT(price(), HasSubstr("polynomials: found 30 counts"));
}

std::vector<std::string> AllProtocols() {
  std::vector<std::string> names;
  for (const ProtocolModel* model : ProtocolModels()) names.push_back(model->Name());
  return names;
}
INSTANTIATE_TEST_SUITE_P(All, PolynomialsTest, testing::ValuesIn(AllProtocols()),
                         [](const auto& row) { return row.param; });

class TwoPartyPolynomialsTest : public PolynomialsTest {};

TEST_P(TwoPartyPolynomialsTest, TheirTermIsAssumedAndSaysWhy) {
  const Estimate estimate = Price(GetParam(), Keeping(layers_, 100'000, true), AnySetting());
  const TimeTerm* online = Term(estimate.online, term::kPolynomials);
  ASSERT_NE(online, nullptr);
  EXPECT_EQ(online->standing, Standing::kAssumed);
  EXPECT_THAT(online->reason, AnyOf(HasSubstr("no source"), HasSubstr("recalled")));
  EXPECT_THAT(estimate.notes, Contains(HasSubstr("both parties know its coefficients")));
}

TEST_P(TwoPartyPolynomialsTest, LayersAddUpToTheWhole) {
  const PricedNetwork network = Keeping(layers_, 100'000, true);
  const Estimate estimate = Price(GetParam(), network, AnySetting());
  const Estimate identity = Price(GetParam(), Keeping(layers_, 100'000, false), AnySetting());
  int64_t polynomials = 0;
  int64_t offline = 0;
  int64_t online = 0;
  for (size_t i = 0; i < estimate.layers.size(); ++i) {
    const LayerEstimate& layer = estimate.layers[i];
    EXPECT_EQ(layer.polynomials.has_value(), layer.relus.has_value()) << layer.name;
    polynomials += layer.polynomials.value_or(0);
    offline += *layer.offline_bytes.both - *identity.layers[i].offline_bytes.both;
    online += *layer.online_bytes.both - *identity.layers[i].online_bytes.both;
  }
  EXPECT_EQ(polynomials, estimate.polynomials);
  EXPECT_EQ(offline, *estimate.offline.bytes.both - *identity.offline.bytes.both);
  EXPECT_EQ(online, *estimate.online.bytes.both - *identity.online.bytes.both);
  EXPECT_GT(online, 0);
}

TEST_P(TwoPartyPolynomialsTest, StatedCostsReplaceTheAssumedOnes) {
  Setting setting = AnySetting();
  setting.polynomial = {.offline_s = 1e-3, .online_s = 1e-4, .offline_bytes = 7, .online_bytes = 3};
  const Estimate identity = Price(GetParam(), Keeping(layers_, 0, false), setting);
  const Estimate estimate = Price(GetParam(), Keeping(layers_, 0, true), setting);
  const TimeTerm* online = Term(estimate.online, term::kPolynomials);
  ASSERT_NE(online, nullptr);
  EXPECT_NEAR(online->seconds.value_or(0), 303'104e-4, 1e-6);
  EXPECT_THAT(online->reason, HasSubstr("as they were set"));
  EXPECT_EQ(*estimate.online.bytes.both - *identity.online.bytes.both, 3 * 303'104);
  const bool delphi = GetParam().starts_with("delphi");
  EXPECT_EQ(*estimate.offline.bytes.both - *identity.offline.bytes.both, delphi ? 7 * 303'104 : 0);
  if (delphi) {
    const TimeTerm* offline = Term(estimate.offline, term::kPolynomials);
    ASSERT_NE(offline, nullptr);
    EXPECT_NEAR(offline->seconds.value_or(0), 303'104e-3, 1e-6);
  }
}

TEST_P(TwoPartyPolynomialsTest, StatedCostsOutOfRangeAreRefused) {
  Setting setting = AnySetting();
  setting.polynomial = {
      .offline_s = -1, .online_s = {}, .offline_bytes = -1, .online_bytes = 1'000'001};
  EXPECT_THAT(std::string(PricePrivateInference(**FindProtocolModel(GetParam()),
                                                KeepAllRelus(layers_), setting)
                              .status()
                              .message()),
              AllOf(HasSubstr("polynomial.offline_s: found -1"),
                    HasSubstr("polynomial.offline_bytes: found -1; allowed: 0 to 1000000"),
                    HasSubstr("polynomial.online_bytes: found 1000001")));
}

TEST_P(TwoPartyPolynomialsTest, ALayerOfThemTakesFlights) {
  const NetworkLayers one = *LayersOf(ChainNetwork({3, 8, 8}).Conv(8).Relu().Classify(10));
  const auto flights = [&](bool relus, bool polynomials) {
    return *Price(GetParam(), Keeping(one, relus ? 256 : 0, polynomials), AnySetting())
                .online.flights;
  };
  EXPECT_GT(flights(false, true), flights(false, false));
  // Those of ReLUs beside them carry theirs too.
  EXPECT_EQ(flights(true, true), std::max(flights(true, false), flights(false, true)));
}

std::vector<std::string> TwoParty() {
  std::vector<std::string> names;
  for (const std::string& name : AllProtocols()) {
    if (name != "ckks") names.push_back(name);
  }
  return names;
}
INSTANTIATE_TEST_SUITE_P(Protocols, TwoPartyPolynomialsTest, testing::ValuesIn(TwoParty()),
                         [](const auto& row) { return row.param; });

TEST(DelphiPolynomialsTest, OneUnitCostsWhatTheHeaderSays) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  for (const char* protocol : {"delphi_server_garbler", "delphi_client_garbler"}) {
    const Estimate identity = Price(protocol, Keeping(layers, 0, false), AnySetting());
    const Estimate estimate = Price(protocol, Keeping(layers, 0, true), AnySetting());
    const int64_t n = 303'104;
    EXPECT_EQ(*estimate.offline.bytes.both - *identity.offline.bytes.both, 152 * n);
    EXPECT_EQ(*estimate.online.bytes.up - *identity.online.bytes.up, 18 * n);
    EXPECT_EQ(*estimate.online.bytes.down - *identity.online.bytes.down, 18 * n);
    EXPECT_NEAR(Output(estimate, "offline.polynomials_s"), 19.9e-6 * static_cast<double>(n), 1e-9);
    EXPECT_NEAR(Output(estimate, "online.polynomials_s"), 1.2e-6 * static_cast<double>(n), 1e-9);
    EXPECT_EQ(estimate.client_storage_bytes - identity.client_storage_bytes, 27 * n);
    EXPECT_EQ(estimate.server_storage_bytes - identity.server_storage_bytes, 27 * n);
    // Far below garbled circuits, which is what DELPHI has them for.
    const Estimate all = Price(protocol, KeepAllRelus(layers), AnySetting());
    EXPECT_LT(OnlineSeconds(estimate) - OnlineSeconds(identity),
              0.3 * (OnlineSeconds(all) - OnlineSeconds(identity)));
  }
}

TEST(RingPolynomialsTest, OneUnitCostsWhatTheHeaderSays) {
  const NetworkLayers one = *LayersOf(ChainNetwork({3, 8, 8}).Conv(8).Relu().Classify(10));
  const auto added = [&](const char* protocol, std::optional<int64_t> Traffic::*direction) {
    const Estimate identity = Price(protocol, Keeping(one, 0, false), AnySetting());
    const Estimate estimate = Price(protocol, Keeping(one, 0, true), AnySetting());
    return *(estimate.online.bytes.*direction) - *(identity.online.bytes.*direction);
  };
  const int64_t n = 512;
  EXPECT_EQ(added("cryptflow2", &Traffic::both), (703 + 37 * 128) * n / 8);
  EXPECT_EQ(added("cheetah", &Traffic::both), (7'511 * n + 79) / 80);
  EXPECT_EQ(added("spu_semi2k", &Traffic::up), (2 * 8 + 2 * 4) * n);
  EXPECT_EQ(added("spu_semi2k", &Traffic::down), (2 * 8 + 2 * 4) * n);
  // One block of 8192 slots: 3 polynomials of 8192 x 109 bits in 4 moduli, and truncations.
  EXPECT_EQ(added("spu_cheetah", &Traffic::both), 4 * 3 * 8192 * 109 / 8 + (2 * 363 * n + 79) / 80);
}

TEST(RingPolynomialsTest, SquaresByTransferSendMoreThanAComparison) {
  // What a reader should know before replacing ReLUs under these two.
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  for (const char* protocol : {"cryptflow2", "cheetah"}) {
    const Estimate relus = Price(protocol, KeepAllRelus(layers), AnySetting());
    const Estimate polynomials = Price(protocol, Keeping(layers, 0, true), AnySetting());
    EXPECT_GT(*polynomials.online.bytes.both, *relus.online.bytes.both) << protocol;
    EXPECT_THAT(polynomials.not_modelled, Contains(HasSubstr("truncation"))) << protocol;
  }
}

TEST(CkksPolynomialsTest, AQuadraticIsFarCheaperThanAReluAndDearerThanNothing) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Estimate identity = Price("ckks", Keeping(layers, 0, false), AnySetting());
  const Estimate quadratic = Price("ckks", Keeping(layers, 0, true), AnySetting());
  const Estimate relus = Price("ckks", KeepAllRelus(layers), AnySetting());
  EXPECT_EQ(Output(identity, "ciphertext_multiplications"), 0);
  // One ciphertext multiplication and two plaintext ones per activation, where a ReLU takes 27 and
  // one.
  EXPECT_EQ(27 * Output(quadratic, "ciphertext_multiplications"),
            Output(relus, "ciphertext_multiplications"));
  EXPECT_EQ(Output(quadratic, "depth") - Output(identity, "depth"), 2 * 31);
  EXPECT_LT(Output(quadratic, "seconds"), Output(relus, "seconds"));
  EXPECT_GT(Output(quadratic, "seconds"), Output(identity, "seconds"));
}

TEST(CkksPolynomialsTest, BesideReluTheyTakeOnePlaintextMultiplication) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  for (const auto& degree : {std::optional<int64_t>(), std::optional<int64_t>(7)}) {
    Setting setting = AnySetting();
    setting.ckks.degree = degree;
    const Estimate relus = Price("ckks", Keeping(layers, 100'000, false), setting);
    const Estimate mixed = Price("ckks", Keeping(layers, 100'000, true), setting);
    EXPECT_EQ(Output(mixed, "depth"), Output(relus, "depth"));
    EXPECT_EQ(Output(mixed, "ciphertext_multiplications"),
              Output(relus, "ciphertext_multiplications"));
    const double more =
        Output(mixed, "plaintext_multiplications") - Output(relus, "plaintext_multiplications");
    // 31 activations of one ciphertext each, of the composition alone.
    EXPECT_EQ(more, degree ? 0 : 31);
  }
}

TEST(MetricPricerTest, PolynomialsOfALayerReachThePrice) {
  const MetricCatalog& catalog = BuiltInMetrics();
  const std::vector<CostMetric> metrics = {
      *catalog.Parse("delphi_server_garbler.online_s@loopback"), *catalog.Parse("ckks.seconds")};
  const auto pricer = *MetricPricer::Create(catalog, metrics, ArtifactResNet32());
  const auto price = [&](int64_t polynomials) {
    std::vector<KeptLayer> kept;
    for (const NonlinearLayer& layer : pricer->layers().nonlinear) {
      kept.push_back({.layer = layer.name, .kept = 0, .polynomials = polynomials});
    }
    return pricer->Price(*pricer->Keep(kept, 0));
  };
  const auto none = price(0);
  const auto some = price(100);
  for (size_t i = 0; i < metrics.size(); ++i) {
    EXPECT_GT(some[i].value.value_or(0), none[i].value.value_or(1e9)) << metrics[i].Text();
  }
  EXPECT_NEAR(*some[0].value - *none[0].value, 31 * 100 * 1.2e-6, 1e-9);
  EXPECT_THAT(std::string(some[0].note), HasSubstr("assumed online.polynomials"));
  const auto refused =
      pricer->Keep({{.layer = "relu1", .kept = 16'000, .polynomials = 385}}, 16'000);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("layer relu1: found 385 polynomials; allowed: 0 to 384"));
}

}  // namespace
}  // namespace reluscape
