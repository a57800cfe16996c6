#include "analysis/reduction/inputweight.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <sstream>
#include <utility>

#include "analysis/error.h"

namespace analysis {

namespace {

using Eigen::Index;
using Eigen::VectorXd;

constexpr double pi = std::numbers::pi;
constexpr int frequencies = 1024;  // where a measured spectrum is looked at

[[noreturn]] void refuse(const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::input, "Input weight", problem, advice);
}

double powerAt(std::span<const double> lags, double w) {
  double sum = lags[0];
  for (std::size_t k = 1; k < lags.size(); ++k) sum += 2 * lags[k] * std::cos(static_cast<double>(k) * w);
  return sum;
}

}  // namespace

VectorXd correlate(std::span<const double> lags, const VectorXd& x) {
  const Index M = x.size(), q = std::min<Index>(static_cast<Index>(lags.size()), M);
  VectorXd y = VectorXd::Zero(M);
  for (Index k = 0; k < q; ++k) {
    const double r = lags[static_cast<std::size_t>(k)];
    y.head(M - k) += r * x.tail(M - k);
    if (k > 0) y.tail(M - k) += r * x.head(M - k);
  }
  return y;
}

InputWeight::InputWeight(std::vector<double> lags, double floor, std::string name)
    : m_lags(std::move(lags)), m_name(std::move(name)) {
  const double scale = 1 / (m_lags[0] * (1 + floor)), count = static_cast<double>(m_lags.size());
  for (std::size_t k = 1; k < m_lags.size(); ++k) m_lags[k] *= scale * (1 - static_cast<double>(k) / count);
  m_lags[0] = 1;
}

InputWeight InputWeight::measured(std::span<const double> autocorrelation, int lags, double floor) {
  const auto isFinite = [](double r) { return std::isfinite(r); };
  if (autocorrelation.empty() || !std::all_of(autocorrelation.begin(), autocorrelation.end(), isFinite))
    refuse("the autocorrelation is empty or not finite", "record it again");
  if (!(autocorrelation[0] > 0)) refuse("the recorded input has no power", "record it on a text that the model reads");
  if (lags < 0 || !(floor > 0)) refuse("the number of lags or the floor is not positive", "use 64 and 0.01");
  std::vector<double> kept(autocorrelation.begin(),
                           autocorrelation.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                         autocorrelation.size(), static_cast<std::size_t>(lags) + 1)));
  InputWeight weight(std::move(kept), floor, "measured input");
  for (int i = 0; i <= frequencies; ++i) {
    if (!(weight.spectrum(pi * i / frequencies) > 0))
      refuse("it is no autocorrelation: its spectrum is not positive at " + std::to_string(pi * i / frequencies),
             "divide every lag's sum of products by the same number of samples");
  }
  return weight;
}

InputWeight InputWeight::band(double low, double high, int lags, double floor) {
  if (!(low >= 0 && low < high && high <= pi)) {
    refuse("the band is not within 0 to pi radians per sample", "give two frequencies such as 0 and 0.5");
  }
  if (lags < 0 || !(floor > 0)) refuse("the number of lags or the floor is not positive", "use 64 and 0.01");
  std::vector<double> r{(high - low) / pi};
  for (int k = 1; k <= lags; ++k) r.push_back((std::sin(high * k) - std::sin(low * k)) / (pi * k));
  std::ostringstream name;
  name << "band " << low << "-" << high;
  // The floor is relative to the band's density 1, so relative to its power r[0] it is larger.
  return InputWeight(std::move(r), floor * pi / (high - low), name.str());
}

double InputWeight::spectrum(double radiansPerSample) const {
  return powerAt(m_lags, radiansPerSample);
}

double errorWeighted(std::span<const double> taps, std::span<const double> model, const InputWeight& weight) {
  const auto count = static_cast<Index>(taps.size());
  const Eigen::Map<const VectorXd> h(taps.data(), count), g(model.data(), count);
  const double peak = count > 0 ? h.cwiseAbs().maxCoeff() : 0;
  if (peak == 0) return 0;
  const VectorXd original = h / peak, error = (h - g) / peak;
  return std::sqrt(std::max(error.dot(weight.correlate(error)), 0.0) / original.dot(weight.correlate(original)));
}

}  // namespace analysis
