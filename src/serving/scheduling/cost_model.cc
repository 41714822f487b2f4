#include "serving/scheduling/cost_model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace mlnode::serving {
namespace {

using Vector = std::array<double, 3>;
using Matrix = std::array<Vector, 3>;

constexpr double kKept = 0.97;   // weight of the past at each measurement: 1 / (1 - kKept) of them count
constexpr double kPrior = 0.02;  // weight of the prior, in measurements
constexpr double kWildest = 8;   // a measurement is believed to be this far off at most, either way

// Gaussian elimination with pivoting among the unknowns that are `free`; the others are zero. The matrix is positive
// definite (kPrior on its diagonal).
Vector SolveFree(Matrix m, Vector v, const std::array<bool, 3>& free) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (free[i]) continue;
    for (std::size_t j = 0; j < 3; ++j) m[i][j] = m[j][i] = i == j ? 1 : 0;
    v[i] = 0;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t row = i + 1; row < 3; ++row) {
      const double ratio = m[row][i] / m[i][i];
      for (std::size_t column = i; column < 3; ++column) m[row][column] -= ratio * m[i][column];
      v[row] -= ratio * v[i];
    }
  }
  Vector x{};
  for (std::size_t i = 3; i-- > 0;) {
    double rest = v[i];
    for (std::size_t j = i + 1; j < 3; ++j) rest -= m[i][j] * x[j];
    x[i] = rest / m[i][i];
  }
  return x;
}

// The least squares with no unknown below zero: the most negative one is held at zero, until none is.
Vector SolveNonNegative(const Matrix& m, const Vector& v) {
  std::array<bool, 3> free = {true, true, true};
  Vector x{};
  for (int round = 0; round < 3; ++round) {
    x = SolveFree(m, v, free);
    const auto least = static_cast<std::size_t>(std::min_element(x.begin(), x.end()) - x.begin());
    if (x[least] >= 0) break;
    free[least] = false;
    x[least] = 0;
  }
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}

Vector Features(const BatchLoad& load, std::size_t calls) {
  return {static_cast<double>(calls), static_cast<double>(load.tokens), static_cast<double>(load.squares)};
}

}  // namespace

double CostModel::Micros(const BatchLoad& load, std::size_t calls) const {
  const Vector features = Features(load, calls);
  double micros = 0;
  for (std::size_t i = 0; i < 3; ++i) micros += unit_[i] * factor_[i] * features[i];
  return std::max(micros, 1.0);
}

void CostModel::Learn(const BatchLoad& load, Duration took) {
  if (took <= Duration::zero() || load.sequences == 0) return;
  const double micros = std::chrono::duration<double, std::micro>(took).count();
  if (!measured_) {  // the prior's proportions, at this model's scale
    const double scale = micros / Micros(load);
    for (double& unit : unit_) unit *= scale;
    measured_ = true;
  }
  const double expected = Micros(load);
  const double ratio = std::clamp(micros / expected, 1 / kWildest, kWildest);
  Vector part = Features(load, 1);
  for (std::size_t i = 0; i < 3; ++i) part[i] *= unit_[i] / expected;
  Matrix m{};
  Vector v{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      seen_[i][j] = kKept * seen_[i][j] + part[i] * part[j];
      m[i][j] = seen_[i][j] + (i == j ? kPrior : 0);
    }
    answer_[i] = kKept * answer_[i] + part[i] * ratio;
    v[i] = answer_[i] + kPrior;
  }
  factor_ = SolveNonNegative(m, v);
  // Errors stay relative to what is expected now, also those of older measurements, and so does the prior.
  const double change = Micros(load) / expected;
  for (std::size_t i = 0; i < 3; ++i) {
    unit_[i] *= change;
    factor_[i] /= change;
    answer_[i] /= change;
  }
}

}  // namespace mlnode::serving
