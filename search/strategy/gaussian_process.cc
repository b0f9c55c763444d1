#include "search/strategy/gaussian_process.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <map>

#include "search/strategy/kernel.h"

namespace reluscape {
namespace {

// Networks that Bounds looks at together: what is computed of them stays in the cache.
constexpr Eigen::Index kBlock = 256;
// Added to a covariance before it is factored, against rounding.
constexpr double kJitter = 1e-10;

using Block = Eigen::Array<double, kBlock, 1>;

// Of each network one value per column.
using Columns = Eigen::Matrix<float, Eigen::Dynamic, kBlock, Eigen::RowMajor>;

}  // namespace

struct GaussianProcess::Parts {
  KernelSettings settings;
  std::vector<ModelPoint> points;               // measured, then expected
  std::vector<const NetworkOutlook*> networks;  // each once
  std::vector<size_t> network_of;               // by point
  double center = 0;
  double scale = 1;
  double variance = 1;
  Eigen::LLT<Eigen::MatrixXd> factor;
  Eigen::MatrixXf quick_factor;  // the same
  Eigen::VectorXd weights;
  std::vector<double> means;

  Eigen::VectorXd CovariancesWith(const ModelPoint& point) const {
    Eigen::VectorXd covariances(static_cast<Eigen::Index>(points.size()));
    for (size_t i = 0; i < points.size(); ++i) {
      covariances[static_cast<Eigen::Index>(i)] = Covariance(settings, points[i], point);
    }
    return covariances;
  }
};

double JointPrediction::Deviation(size_t i) const {
  double variance = 0;
  for (const double part : factor[i]) variance += part * part;
  return std::sqrt(variance);
}

GaussianProcess::~GaussianProcess() = default;

GaussianProcess::GaussianProcess(const std::vector<ModelPoint>& points,
                                 const std::vector<double>& values,
                                 const std::vector<ModelPoint>& expected,
                                 const KernelSettings& settings) {
  auto parts = std::make_unique<Parts>();
  parts->settings = settings;
  parts->points = points;
  parts->points.insert(parts->points.end(), expected.begin(), expected.end());
  std::map<const NetworkOutlook*, size_t> known;
  for (const ModelPoint& point : parts->points) {
    const auto [at, is_new] = known.emplace(point.network, parts->networks.size());
    if (is_new) parts->networks.push_back(point.network);
    parts->network_of.push_back(at->second);
  }

  const auto measured = static_cast<Eigen::Index>(points.size());
  const auto all = static_cast<Eigen::Index>(parts->points.size());
  Eigen::VectorXd target = Eigen::Map<const Eigen::VectorXd>(values.data(), measured);
  parts->center = target.mean();
  target.array() -= parts->center;
  const double deviation = std::sqrt(target.squaredNorm() / static_cast<double>(measured));
  parts->scale = deviation > 0 ? deviation : 1;
  target /= parts->scale;

  Eigen::MatrixXd covariance(all, all);
  for (Eigen::Index i = 0; i < all; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      covariance(i, j) = Covariance(settings, parts->points[static_cast<size_t>(i)],
                                    parts->points[static_cast<size_t>(j)]);
    }
    covariance(i, i) += settings.noise + kJitter;
  }
  parts->factor.compute(covariance);
  parts->quick_factor = parts->factor.matrixLLT().cast<float>();
  // A value at its mean is what its predecessors lead to expect: it adds 0 to the solution.
  Eigen::VectorXd solution = Eigen::VectorXd::Zero(all);
  solution.head(measured) = parts->factor.matrixLLT()
                                .topLeftCorner(measured, measured)
                                .triangularView<Eigen::Lower>()
                                .solve(target);
  // See kernel_fit.cc: as if two more values of the standard deviation had been measured.
  parts->variance = (solution.squaredNorm() + kVarianceBelief) /
                    (static_cast<double>(measured) + kVarianceBelief);
  parts->weights = solution;
  parts->factor.matrixU().solveInPlace(parts->weights);
  for (const ModelPoint& point : parts->points) {
    parts->means.push_back(parts->center +
                           parts->scale * parts->CovariancesWith(point).dot(parts->weights));
  }
  parts_ = std::move(parts);
}

const std::vector<double>& GaussianProcess::means() const { return parts_->means; }

JointPrediction GaussianProcess::Predict(const std::vector<ModelPoint>& points) const {
  const auto count = static_cast<Eigen::Index>(points.size());
  Eigen::MatrixXd covariances(static_cast<Eigen::Index>(parts_->points.size()), count);
  for (Eigen::Index j = 0; j < count; ++j) {
    covariances.col(j) = parts_->CovariancesWith(points[static_cast<size_t>(j)]);
  }
  const Eigen::VectorXd means = covariances.transpose() * parts_->weights;
  parts_->factor.matrixL().solveInPlace(covariances);
  Eigen::MatrixXd left = -covariances.transpose() * covariances;
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      left(i, j) += Covariance(parts_->settings, points[static_cast<size_t>(i)],
                               points[static_cast<size_t>(j)]);
    }
    left(i, i) = std::max(left(i, i), 0.0) + kJitter;
  }
  const Eigen::MatrixXd factor =
      parts_->scale * std::sqrt(parts_->variance) * left.llt().matrixL().toDenseMatrix();
  JointPrediction prediction;
  for (Eigen::Index i = 0; i < count; ++i) {
    prediction.means.push_back(parts_->center + parts_->scale * means[i]);
    prediction.factor.emplace_back();
    for (Eigen::Index j = 0; j <= i; ++j) prediction.factor.back().push_back(factor(i, j));
  }
  return prediction;
}

namespace {

// The kinds and features of a block of networks, dimension by dimension.
struct NetworkBlock {
  NetworkBlock(const NetworkOutlook* const* networks, size_t size)
      : kinds(networks[0]->kinds.size(), Eigen::Array<int, kBlock, 1>::Zero()),
        features(networks[0]->features.size(), Block::Zero()) {
    for (size_t i = 0; i < size; ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      for (size_t k = 0; k < kinds.size(); ++k) kinds[k][at] = networks[i]->kinds[k];
      for (size_t k = 0; k < features.size(); ++k) features[k][at] = networks[i]->features[k];
      budgets = std::max(budgets, networks[i]->budgets.size());
    }
  }

  // As Covariance (search/strategy/kernel.h) of equal Budgets.
  Block Similar(const KernelSettings& settings, const NetworkOutlook& network) const {
    Eigen::Array<int, kBlock, 1> different = Eigen::Array<int, kBlock, 1>::Zero();
    for (size_t k = 0; k < kinds.size(); ++k) {
      different += (kinds[k] != network.kinds[k]).cast<int>();
    }
    Block distance = Block::Zero();
    for (size_t k = 0; k < features.size(); ++k) {
      distance += (features[k] - network.features[k]).square();
    }
    // A step of its own: numbers of another type would keep the exponentials from being computed
    // several at a time.
    const Block exponent =
        different.cast<double>() * (-1 / settings.kinds) - distance * (1 / settings.features);
    return settings.share + (1 - settings.share) * exponent.exp();
  }

  std::vector<Eigen::Array<int, kBlock, 1>> kinds;
  std::vector<Block> features;
  size_t budgets = 0;  // the most that one has
};

// The features of Budget `b` of each network.
Block BudgetFeatures(const NetworkOutlook* const* networks, size_t size, size_t b) {
  Block features = Block::Zero();
  for (size_t i = 0; i < size; ++i) {
    if (b < networks[i]->budgets.size()) {
      features[static_cast<Eigen::Index>(i)] = networks[i]->budgets[b].feature;
    }
  }
  return features;
}

}  // namespace

// By blocks of networks, and in a block measurement by measurement, so that all inner loops are
// over neighbouring numbers.
std::vector<std::vector<Prediction>> GaussianProcess::PredictEach(
    const std::vector<const NetworkOutlook*>& networks) const {
  const Parts& parts = *parts_;
  std::vector<std::vector<Prediction>> predictions(networks.size());
  std::vector<Block> similar(parts.networks.size());
  Columns columns(static_cast<Eigen::Index>(parts.points.size()), kBlock);
  for (size_t first = 0; first < networks.size(); first += kBlock) {
    const size_t size = std::min<size_t>(kBlock, networks.size() - first);
    const NetworkBlock block(&networks[first], size);
    for (size_t n = 0; n < similar.size(); ++n) {
      similar[n] = block.Similar(parts.settings, *parts.networks[n]);
    }
    for (size_t b = 0; b < block.budgets; ++b) {
      const Block feature = BudgetFeatures(&networks[first], size, b);
      Block mean = Block::Zero();
      for (size_t p = 0; p < parts.points.size(); ++p) {
        Block covariance = similar[parts.network_of[p]];
        if (std::isfinite(parts.settings.budget)) {
          covariance *=
              ((feature - parts.points[p].budget).square() * (-1 / parts.settings.budget)).exp();
        }
        const auto at = static_cast<Eigen::Index>(p);
        mean += parts.weights[at] * covariance;
        columns.row(at) = covariance.matrix().transpose().cast<float>();
      }
      parts.quick_factor.triangularView<Eigen::Lower>().solveInPlace(columns);
      const Eigen::Array<float, 1, kBlock> left =
          (1 - columns.colwise().squaredNorm().array()).max(0.0F);
      for (size_t i = 0; i < size; ++i) {
        if (b >= networks[first + i]->budgets.size()) continue;
        const auto at = static_cast<Eigen::Index>(i);
        predictions[first + i].push_back(
            {.mean = parts.center + parts.scale * mean[at],
             .deviation = parts.scale * std::sqrt(parts.variance * static_cast<double>(left[at]))});
      }
    }
  }
  return predictions;
}

}  // namespace reluscape
