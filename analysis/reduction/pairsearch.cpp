#include "analysis/reduction/pairsearch.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <mutex>
#include <numbers>
#include <utility>

#include "analysis/reduction/poleset.h"
#include "analysis/reduction/projection.h"
#include "analysis/reduction/target.h"

namespace analysis {

namespace {

using Complex = std::complex<double>;
using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::VectorXd;

constexpr Index fullRateSamples = 32768;
constexpr Index windowSamples = 2048;
constexpr int rates = 12;
constexpr int realRates = 40;

std::vector<double> geometric(double first, double last, int count) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) values.push_back(first * std::pow(last / first, i / (count - 1.0)));
  return values;
}

std::vector<double> decaysFor(Index length) {
  return geometric(0.5 / static_cast<double>(length), 0.5, rates);
}

}  // namespace

PairSearch::Scale::Scale(Index samples, int by, const std::vector<double>& decays, const Task& task)
    : length(samples), factor(by), fft(fastFftSize(static_cast<int>(2 * samples))) {
  const auto M = static_cast<double>(length);
  for (const double a : decays) {
    task.throwIfStopped();
    Layer layer{a, (-a * ArrayXd::LinSpaced(length, 0, M - 1)).exp(), {}, {}, {}};
    for (ArrayXd* inverse : {&layer.inverse11, &layer.inverse12, &layer.inverse22}) inverse->setZero(fft.bins());
    const double A = std::expm1(-2 * a * M) / std::expm1(-2 * a);
    for (Index k = 1; k < fft.bins() - 1; ++k) {  // the ends are real poles
      if (k % 65536 == 0) task.throwIfStopped();
      const double theta = 2 * std::numbers::pi * static_cast<double>(k) / fft.size();
      const Complex z = std::exp(Complex(-2 * a, 2 * theta));
      const Complex B = (1.0 - std::exp(Complex(-2 * a, 2 * theta) * M)) / (1.0 - z);
      const double g11 = (A + B.real()) / 2, g22 = (A - B.real()) / 2, g12 = B.imag() / 2;
      const double determinant = std::max(g11 * g22 - g12 * g12, 1e-9 * A * A);
      layer.inverse11[k] = g22 / determinant;
      layer.inverse22[k] = g11 / determinant;
      layer.inverse12[k] = -g12 / determinant;
    }
    layers.push_back(std::move(layer));
  }
}

PairSearch::Found PairSearch::Scale::best(const VectorXd& residual, const Task& task) const {
  Found found{-1, {}};
  VectorXd padded = VectorXd::Zero(fft.size());
  Eigen::VectorXcd bins(fft.bins());
  for (const Layer& layer : layers) {
    task.throwIfStopped();
    padded.head(length) = residual.array() * layer.envelope;
    padded.tail(fft.size() - length).setZero();
    fft.forward({padded.data(), static_cast<std::size_t>(padded.size())},
                {bins.data(), static_cast<std::size_t>(bins.size())});
    const ArrayXd x = bins.real().array(), y = -bins.imag().array();
    const ArrayXd gain = layer.inverse11 * x * x + 2 * layer.inverse12 * x * y + layer.inverse22 * y * y;
    Index at = 0;
    const double largest = gain.maxCoeff(&at);
    if (largest > found.gain) {
      const double theta = 2 * std::numbers::pi * static_cast<double>(at) / fft.size();
      found = {largest, Complex(-layer.decay, theta) / static_cast<double>(factor)};
    }
  }
  return found;
}

PairSearch::PairSearch(Index length, const Task& task) {
  if (length <= fullRateSamples) {
    m_scales.emplace_back(length, 1, decaysFor(length), task);
    return;
  }
  const auto M = static_cast<double>(length);
  m_scales.emplace_back(length, 1, std::vector<double>{2 / M, 20 / M}, task);
  for (int factor = 1;; factor *= 8) {
    const Index samples = std::min(windowSamples, length / factor);
    m_scales.emplace_back(samples, factor, decaysFor(samples), task);
    if (windowSamples * factor >= length) return;
  }
}

Complex PairSearch::bestPair(const VectorXd& residual, const Task& task) const {
  if (m_scales.size() == 1) return m_scales[0].best(residual, task).logPole;
  std::vector<double> taps(static_cast<std::size_t>(residual.size()) + 1, 0.0);
  std::copy(residual.begin(), residual.end(), taps.begin() + 1);
  const Target whole(taps);
  Projection projection(whole);
  Found winner{-1, {}};
  for (const Scale& scale : m_scales) {
    VectorXd window(scale.length);
    for (Index i = 0; i < scale.length; ++i) window[i] = residual.segment(i * scale.factor, scale.factor).mean();
    const Complex logPole = scale.best(window, task).logPole;
    PoleSet pair;
    pair.addPair(logPole);
    pair.clip();
    if (projection.evaluate(pair) && 1 - projection.squaredError() > winner.gain)
      winner = {1 - projection.squaredError(), logPole};
  }
  return winner.logPole;
}

Complex PairSearch::bestReal(const VectorXd& residual) const {
  const auto M = static_cast<double>(residual.size());
  PoleSet grid;
  for (const bool negative : {false, true})
    for (const double decay : geometric(0.3 / M, 3.0, realRates)) grid.addReal(-decay, negative);
  Transform transform;
  transform.compute(BlockedSequence(residual), grid, false);
  Found found{-1, {}};
  for (int k = 0; k < grid.rows(); ++k) {
    const Complex s = grid.logPoles[static_cast<std::size_t>(k)];
    const double sum = transform.sums()(k, 0);
    const double gain = sum * sum * std::expm1(2 * s.real()) / std::expm1(2 * s.real() * M);
    if (gain > found.gain) found = {gain, s};
  }
  return found.logPole;
}

std::shared_ptr<const PairSearch> sharedPairSearch(Index length, const Task& task) {
  constexpr std::size_t kept = 2;
  static std::mutex lock;
  static std::list<std::pair<Index, std::shared_ptr<const PairSearch>>> recent;  // latest first
  const std::lock_guard guard(lock);
  auto found = std::find_if(recent.begin(), recent.end(), [&](const auto& entry) { return entry.first == length; });
  if (found == recent.end()) {
    recent.emplace_front(length, std::make_shared<const PairSearch>(length, task));
    if (recent.size() > kept) recent.pop_back();
  } else {
    recent.splice(recent.begin(), recent, found);
  }
  return recent.front().second;
}

}  // namespace analysis
