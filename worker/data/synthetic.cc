#include "worker/data/synthetic.h"

// Compiled with -ffp-contract=off (CMakeLists.txt): a fused multiply-add rounds once where the
// two operations round twice, and would make the images differ between processors. For the same
// reason no expression draws two numbers, unless in braces: compilers order operands differently.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/random.h"

namespace reluscape {
namespace {

constexpr double kSide = static_cast<double>(kSyntheticSide);
// Samples per pixel along each axis: smooth edges without a formula for coverage.
constexpr int kSamples = 2;

// What makes the set hard; lengths in pixels, the rest in colour steps (0 to 255). Chosen so that
// small networks learn most of it from 2,000 images, and lose it without ReLUs: see "The built-in
// set" in docs/data-sets.md for what was measured.
constexpr double kPlace = 3.5;  // the centre's distance from the middle along each axis
constexpr double kMinRadius = 8, kMaxRadius = 11;
constexpr double kSwing = 25;                           // amplitude of a texture, at most
constexpr double kMinContrast = 40, kMaxContrast = 90;  // figure against ground
constexpr double kMinStrong = 50, kMaxStrong = 85;      // of a figure told by its texture alone
constexpr double kWeak = 6;                             // of the other side of such a figure
constexpr size_t kMarks = 4;                            // strokes of clutter
constexpr double kMinNoise = 4, kMaxNoise = 16;

struct Point {
  double x = 0;
  double y = 0;
};

using Color = std::array<double, 3>;  // 0 to 255

// A uniformly drawn direction, without sine and cosine (their last bits differ between
// mathematics libraries): rejection in the unit disc, then division by the length.
Point Direction(Random& random) {
  for (;;) {
    const Point p{random.Uniform(-1, 1), random.Uniform(-1, 1)};
    const double squared = p.x * p.x + p.y * p.y;
    if (squared > 0.01 && squared <= 1) {
      const double length = std::sqrt(squared);
      return {p.x / length, p.y / length};
    }
  }
}

double Clamp01(double value) { return std::clamp(value, 0.0, 1.0); }

// A pattern over the image with values in [-1, 1].
class Texture {
 public:
  Texture() = default;
  // Stripes or a chequered pattern with a period in [shortest, longest] pixels; where `kinds` is 4
  // also ramps and blotches.
  Texture(Random& random, double shortest, double longest, uint64_t kinds) {
    kind_ = random.Below(kinds);
    direction_ = Direction(random);
    period_ = random.Uniform(shortest, longest);
    phase_ = random.Uniform();
    for (double& node : nodes_) node = random.Uniform(-1, 1);
  }

  double At(double x, double y) const {
    switch (kind_) {
      case 2:  // a ramp across the image
        return std::clamp((direction_.x * (x - kSide / 2) + direction_.y * (y - kSide / 2)) / 16,
                          -1.0, 1.0);
      case 0:  // stripes
        return Wave(direction_.x * x + direction_.y * y);
      case 1:  // a chequered pattern
        return Wave(direction_.x * x + direction_.y * y) *
               Wave(direction_.x * y - direction_.y * x);
      default:  // blotches: random values on a coarse lattice, interpolated
        return Blotch(x, y);
    }
  }

 private:
  static constexpr int kNodes = 6;  // lattice nodes along an axis

  // A triangle wave of period_ with steepened flanks.
  double Wave(double distance) const {
    const double turns = distance / period_ + phase_ + 64;  // positive for every pixel
    const double part = turns - static_cast<double>(static_cast<int64_t>(turns));
    return std::clamp(2 * (4 * std::abs(part - 0.5) - 1), -1.0, 1.0);
  }

  double Blotch(double x, double y) const {
    const double u = std::clamp(x / kSide, 0.0, 0.999) * (kNodes - 1);
    const double v = std::clamp(y / kSide, 0.0, 0.999) * (kNodes - 1);
    const int column = static_cast<int>(u);
    const int row = static_cast<int>(v);
    const double s = u - column;
    const double t = v - row;
    const auto node = [&](int r, int c) { return nodes_[static_cast<size_t>(r * kNodes + c)]; };
    const double top = node(row, column) * (1 - s) + node(row, column + 1) * s;
    const double bottom = node(row + 1, column) * (1 - s) + node(row + 1, column + 1) * s;
    return top * (1 - t) + bottom * t;
  }

  uint64_t kind_ = 0;
  Point direction_;
  double period_ = 0;
  double phase_ = 0;
  std::array<double, kNodes * kNodes> nodes_ = {};
};

// A surface: a colour that a texture makes brighter and darker.
struct Paint {
  Color color = {};
  Color swing = {};  // what the texture adds at +1
  Texture texture;

  double At(size_t channel, double value) const { return color[channel] + swing[channel] * value; }
};

Color RandomColor(Random& random, double low, double high) {
  return {random.Uniform(low, high), random.Uniform(low, high), random.Uniform(low, high)};
}

struct Scene {
  Paint ground;
  Paint figure;
};

// The figure differs from the ground by its mean colour, to the brighter or to the darker side.
Scene ByColor(Random& random) {
  const auto swing = [&] { return RandomColor(random, -kSwing, kSwing); };
  Scene scene{{RandomColor(random, 80, 175), swing(), Texture(random, 4, 11, 4)}, {}};
  scene.figure = {scene.ground.color, swing(), Texture(random, 4, 11, 4)};
  const double size = random.Uniform(kMinContrast, kMaxContrast);
  const double contrast = random.Below(2) == 0 ? size : -size;
  for (double& channel : scene.figure.color) channel += contrast * random.Uniform(0.4, 1.0);
  return scene;
}

// Figure and ground have the same mean colour: one has a strong fine texture, the other none to
// speak of. No linear filter sees such an outline; a network must rectify before it averages.
Scene ByTexture(Random& random) {
  const Color color = RandomColor(random, 90, 165);
  const double strength = random.Uniform(kMinStrong, kMaxStrong);
  Color swing;
  for (double& channel : swing) channel = strength * random.Uniform(0.4, 1.0);
  Paint strong{color, swing, Texture(random, 3.0, 5.0, 2)};
  Paint weak{color, RandomColor(random, -kWeak, kWeak), Texture(random, 4, 11, 4)};
  return random.Below(2) == 0 ? Scene{strong, weak} : Scene{weak, strong};
}

// Whether (u, v), in units of the shape's radius, lies inside the shape. Sizes are chosen so that
// the shapes cover areas of the same order.
bool Inside(int64_t label, double u, double v) {
  const double au = std::abs(u);
  const double av = std::abs(v);
  const double larger = std::max(au, av);
  const double squared = u * u + v * v;
  // cos and sin of 60 and of 72 degrees
  constexpr double kSin60 = 0.8660254037844386;
  constexpr double kCos72 = 0.3090169943749474;
  constexpr double kSin72 = 0.9510565162951535;
  constexpr double kCos36 = 0.8090169943749475;
  constexpr double kSin36 = 0.5877852522924731;
  switch (label) {
    case 0:  // disc
      return squared < 0.81;
    case 1:  // square
      return larger < 0.82;
    case 2:  // triangle: three half planes
      return -v < 0.58 && kSin60 * u + 0.5 * v < 0.58 && -kSin60 * u + 0.5 * v < 0.58;
    case 3:  // cross
      return larger < 1.0 && std::min(au, av) < 0.33;
    case 4:  // ring
      return squared < 1.0 && squared > 0.34;
    case 5: {  // star: inside at least four of five half planes
      constexpr double kDistance = 1.25 * kCos72;
      const int inside = (v < kDistance) + (kSin72 * u + kCos72 * v < kDistance) +
                         (-kSin72 * u + kCos72 * v < kDistance) +
                         (kSin36 * u - kCos36 * v < kDistance) +
                         (-kSin36 * u - kCos36 * v < kDistance);
      return inside >= 4;
    }
    case 6:  // crescent
      return squared < 1.0 && (u - 0.45) * (u - 0.45) + v * v > 0.5;
    case 7:  // frame
      return larger < 0.92 && larger > 0.52;
    case 8:  // two bars
      return au < 0.95 && av > 0.28 && av < 0.8;
    default:  // hourglass
      return av < 0.95 && au < 0.12 + 0.85 * av;
  }
}

struct Mark {
  Point center;
  Point direction;
  double half_length = 0;
  double half_width = 0;
  Color color = {};

  bool Covers(double x, double y) const {
    const double dx = x - center.x;
    const double dy = y - center.y;
    return std::abs(dx * direction.x + dy * direction.y) < half_length &&
           std::abs(dx * direction.y - dy * direction.x) < half_width;
  }
};

Mark RandomMark(Random& random) {
  Mark mark;
  mark.center = {random.Uniform(0, kSide), random.Uniform(0, kSide)};
  mark.direction = Direction(random);
  mark.half_length = random.Uniform(1.0, 4.5);
  mark.half_width = random.Uniform(0.5, 1.2);
  mark.color = RandomColor(random, 20, 235);
  return mark;
}

}  // namespace

std::string_view SyntheticClassName(int64_t label) {
  static constexpr std::array<std::string_view, kSyntheticClasses> kNames = {
      "disc", "square",   "triangle", "cross", "ring",
      "star", "crescent", "frame",    "bars",  "hourglass"};
  return kNames[static_cast<size_t>(label)];
}

void DrawSynthetic(SyntheticPart part, int64_t index, std::span<uint8_t, kSyntheticBytes> pixels) {
  Random random(DeriveSeed(part == SyntheticPart::kTrain ? 1 : 2, kSyntheticVersion,
                           static_cast<uint64_t>(index)));
  const int64_t label = SyntheticLabel(index);

  const Point center{kSide / 2 + random.Uniform(-kPlace, kPlace),
                     kSide / 2 + random.Uniform(-kPlace, kPlace)};
  const double radius = random.Uniform(kMinRadius, kMaxRadius);
  const Point turn = Direction(random);

  // A third of the figures differ from the ground by their texture alone.
  const Scene scene = random.Below(3) != 0 ? ByColor(random) : ByTexture(random);
  std::array<Mark, kMarks> marks;
  for (Mark& mark : marks) mark = RandomMark(random);
  const size_t before = random.Below(marks.size() + 1);  // the others lie over the shape
  const double noise = random.Uniform(kMinNoise, kMaxNoise);

  for (int64_t row = 0; row < kSyntheticSide; ++row) {
    for (int64_t column = 0; column < kSyntheticSide; ++column) {
      Color sum = {};
      for (int sample = 0; sample < kSamples * kSamples; ++sample) {
        const double x = static_cast<double>(column) + (sample % kSamples + 0.5) / kSamples;
        const double y = static_cast<double>(row) + (sample / kSamples + 0.5) / kSamples;
        const double dx = (x - center.x) / radius;
        const double dy = (y - center.y) / radius;
        const bool inside = Inside(label, turn.x * dx + turn.y * dy, turn.x * dy - turn.y * dx);
        const Paint& paint = inside ? scene.figure : scene.ground;
        const Mark* mark = nullptr;
        for (size_t i = inside ? before : 0; i < marks.size(); ++i) {
          if (marks[i].Covers(x, y)) mark = &marks[i];
        }
        const double value = mark == nullptr ? paint.texture.At(x, y) : 0;
        for (size_t channel = 0; channel < 3; ++channel) {
          sum[channel] += mark == nullptr ? paint.At(channel, value) : mark->color[channel];
        }
      }
      for (size_t channel = 0; channel < 3; ++channel) {
        // The sum of two uniform variables: more small deviations than large ones.
        const double first = random.Uniform();
        const double jitter = noise * (first + random.Uniform() - 1);
        const double value = sum[channel] / (kSamples * kSamples) + jitter;
        pixels[static_cast<size_t>((row * kSyntheticSide + column) * 3) + channel] =
            static_cast<uint8_t>(Clamp01(value / 255) * 255 + 0.5);
      }
    }
  }
}

}  // namespace reluscape
