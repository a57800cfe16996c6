#include "engine/inputs.h"

#include <Eigen/Dense>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <complex>
#include <exception>
#include <thread>

#include "analysis/response/fft.h"
#include "engine/cpu/observed.h"
#include "engine/cpu/runner.h"
#include "engine/error.h"
#include "engine/weights.h"

namespace engine {
namespace {

using Spectrum = std::vector<std::complex<double>>;

Spectrum transform(const analysis::RealFft<double>& fft, std::span<const double> values) {
  std::vector<double> padded(static_cast<std::size_t>(fft.size()));
  std::copy(values.begin(), values.end(), padded.begin());
  Spectrum spectrum(static_cast<std::size_t>(fft.bins()));
  fft.forward(padded, spectrum);
  return spectrum;
}

// Products with the Toeplitz matrix of an autocorrelation, by a circulant twice its size.
class Toeplitz {
 public:
  Toeplitz(std::span<const double> autocorrelation, std::size_t length)
      : m_length(length), m_fft(analysis::fastFftSize(static_cast<int>(2 * length))) {
    std::vector<double> row(static_cast<std::size_t>(m_fft.size()));
    for (std::size_t k = 0; k < std::min(length, autocorrelation.size()); ++k) {
      row[k] = autocorrelation[k];
      if (k > 0) row[row.size() - k] = autocorrelation[k];
    }
    m_spectrum = transform(m_fft, row);
  }

  std::vector<double> times(std::span<const double> values) const {
    Spectrum spectrum = transform(m_fft, values);
    for (std::size_t k = 0; k < spectrum.size(); ++k) spectrum[k] *= m_spectrum[k].real();
    std::vector<double> product(static_cast<std::size_t>(m_fft.size()));
    m_fft.inverse(spectrum, product);
    product.resize(m_length);
    return product;
  }

 private:
  std::size_t m_length;
  analysis::RealFft<double> m_fft;
  Spectrum m_spectrum;
};

double dotted(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double relativeError(std::span<const double> taps, const analysis::StateSpace& model) {
  const std::vector<double> response = model.impulseResponse(static_cast<int>(taps.size()));
  double error = 0, norm = 0;
  for (std::size_t t = 0; t < taps.size(); ++t) {
    error += (taps[t] - response[t]) * (taps[t] - response[t]);
    norm += taps[t] * taps[t];
  }
  return norm > 0 ? std::sqrt(error / norm) : 0;
}

// The impulse and what each mode can contribute: one sequence for a real pole, two for a pair.
std::vector<std::vector<double>> basis(const analysis::StateSpace& model, int length) {
  std::vector<std::vector<double>> columns(1, std::vector<double>(static_cast<std::size_t>(length)));
  columns[0][0] = 1;
  for (std::size_t k = 0; k < model.modes.size(); ++k) {
    analysis::StateSpace one;
    one.modes = {model.modes[k]};
    one.modes[0].residue = 1;
    columns.push_back(one.modeResponse(0, length));
    if (!one.modes[0].pair) continue;
    one.modes[0].residue = {0, 1};
    columns.push_back(one.modeResponse(0, length));
  }
  return columns;
}

analysis::StateSpace withCoefficients(analysis::StateSpace model, const Eigen::VectorXd& coefficients) {
  model.feedthrough = coefficients[0];
  Eigen::Index next = 1;
  for (analysis::Mode& mode : model.modes) {
    const double real = coefficients[next++];
    mode.residue = mode.pair ? std::complex<double>(real, coefficients[next++]) : real;
  }
  return model;
}

// Sums of one bank in a form that every thread may add to.
std::vector<std::unique_ptr<cpu::InputSums>> emptySums(const Model::Weights& weights, int tokens) {
  std::vector<std::unique_ptr<cpu::InputSums>> sums;
  sums.reserve(weights.filters.size());
  for (const FilterBank& bank : weights.filters) {
    auto& one = *sums.emplace_back(std::make_unique<cpu::InputSums>());
    one.channels = bank.channels;
    one.tokens = tokens;
    const auto channels = static_cast<std::size_t>(bank.channels);
    const auto bins = static_cast<std::size_t>(cpu::InputSums::transformSize(tokens)) / 2 + 1;
    one.power.resize(channels * bins);
    one.autocorrelation.resize(channels * static_cast<std::size_t>(tokens));
  }
  return sums;
}

InputStatistics finished(const FilterBank& bank, const cpu::InputSums& sums) {
  InputStatistics result;
  result.path = bank.path;
  result.channels = bank.channels / bank.sharedBy;
  result.lags = sums.tokens;
  const analysis::RealFft<double> fft(cpu::InputSums::transformSize(sums.tokens));
  const auto bins = static_cast<std::size_t>(fft.bins()), lags = static_cast<std::size_t>(sums.tokens);
  std::vector<double> values(static_cast<std::size_t>(fft.size()));
  const double tokens = std::max(1.0, static_cast<double>(sums.windows) * sums.tokens);
  result.autocorrelation.resize(static_cast<std::size_t>(result.channels) * lags);
  for (std::size_t c = 0; c < static_cast<std::size_t>(bank.channels); ++c) {
    Spectrum power(sums.power.begin() + static_cast<std::ptrdiff_t>(c * bins),
                   sums.power.begin() + static_cast<std::ptrdiff_t>((c + 1) * bins));
    fft.inverse(power, values);
    for (std::size_t k = 0; k < lags; ++k) {
      const std::size_t filter = c / static_cast<std::size_t>(bank.sharedBy);  // those that share it are summed
      result.autocorrelation[filter * lags + k] += (sums.autocorrelation[c * lags + k] + values[k]) / tokens;
    }
  }
  return result;
}

}  // namespace

double outputEnergy(std::span<const double> error, std::span<const double> autocorrelation) {
  if (error.empty()) return 0;
  return std::max(0.0, dotted(error, Toeplitz(autocorrelation, error.size()).times(error)));
}

analysis::StateSpace refittedToInputs(std::span<const double> taps, const analysis::StateSpace& model,
                                      std::span<const double> autocorrelation) {
  if (taps.empty()) return model;
  const Toeplitz weight(autocorrelation, taps.size());
  const auto columns = basis(model, static_cast<int>(taps.size()));
  const auto count = static_cast<Eigen::Index>(columns.size());
  Eigen::MatrixXd gram(count, count);
  Eigen::VectorXd right(count);
  for (Eigen::Index i = 0; i < count; ++i) {
    const std::vector<double> weighted = weight.times(columns[static_cast<std::size_t>(i)]);
    for (Eigen::Index j = 0; j <= i; ++j)
      gram(i, j) = gram(j, i) = dotted(weighted, columns[static_cast<std::size_t>(j)]);
    right[i] = dotted(weighted, taps);
  }
  const Eigen::VectorXd scale = gram.diagonal().cwiseMax(0).cwiseSqrt();
  if (!(scale.minCoeff() > 0)) return model;  // a basis sequence that these inputs never excite
  const Eigen::VectorXd inverse = scale.cwiseInverse();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(inverse.asDiagonal() * gram * inverse.asDiagonal());
  if (solver.info() != Eigen::Success) return model;
  const Eigen::VectorXd projected = solver.eigenvectors().transpose() * inverse.cwiseProduct(right);
  const double floor = 1e-12 * solver.eigenvalues().maxCoeff();  // below it the Gram matrix is rounding
  Eigen::VectorXd solution = Eigen::VectorXd::Zero(count);
  for (Eigen::Index i = 0; i < count; ++i)
    if (solver.eigenvalues()[i] > floor)
      solution += projected[i] / solver.eigenvalues()[i] * solver.eigenvectors().col(i);
  const analysis::StateSpace refitted = withCoefficients(model, inverse.cwiseProduct(solution));

  const auto energy = [&](const analysis::StateSpace& candidate) {
    std::vector<double> error = candidate.impulseResponse(static_cast<int>(taps.size()));
    for (std::size_t t = 0; t < taps.size(); ++t) error[t] -= taps[t];
    return dotted(error, weight.times(error));
  };
  return energy(refitted) < energy(model) ? refitted : model;
}

analysis::Distilled refittedToInputs(const analysis::Checkpoint& checkpoint, const analysis::Distilled& distilled,
                                     std::span<const InputStatistics> statistics, const analysis::Task& task) {
  if (statistics.size() != checkpoint.banks().size() || distilled.banks.size() != checkpoint.banks().size())
    throw Error(ErrorKind::input, "refit", "models or statistics belong to another checkpoint",
                "record and distil the same one");
  analysis::Distilled result = distilled;
  result.metadata["refit"] = "residues and feedthrough, least output error on the model's own inputs";
  for (std::size_t b = 0; b < result.banks.size(); ++b) {
    auto& filters = result.banks[b].filters;
    if (result.banks[b].path != statistics[b].path ||
        filters.size() != static_cast<std::size_t>(statistics[b].channels))
      throw Error(ErrorKind::input, result.banks[b].path, "its statistics are those of another bank",
                  "record and distil the same checkpoint");
    for (std::size_t c = 0; c < filters.size(); ++c) {
      task.throwIfStopped();
      if (!filters[c]) continue;
      const auto filter = checkpoint.filter({static_cast<int>(b), static_cast<int>(c)}, task);
      filters[c]->model = refittedToInputs(filter->taps, filters[c]->model, statistics[b].of(static_cast<int>(c)));
      filters[c]->errorRelative = relativeError(filter->taps, filters[c]->model);
    }
    task.report(static_cast<double>(b + 1) / static_cast<double>(result.banks.size()), "refitting");
  }
  return result;
}

std::vector<InputStatistics> inputStatistics(const std::shared_ptr<const Model>& original,
                                             const EvaluationRequest& request, const analysis::Task& task) {
  const Model::Weights& weights = original->weights();
  if (original->distilled())
    throw Error(ErrorKind::input, "input statistics", "the model is distilled", "record the original's inputs");
  const int tokens = request.windowTokens > 0 ? request.windowTokens : original->trainingLengthTokens();
  const long long fitting = tokens > 0 ? static_cast<long long>(request.tokens.size()) / tokens : 0;
  if (fitting < 1)
    throw Error(ErrorKind::input, "text", "it is shorter than one window of " + std::to_string(tokens) + " tokens",
                "use a longer text or shorter windows");
  const int windows = static_cast<int>(
      std::min<long long>(request.windows > 0 ? request.windows : fitting, std::min<long long>(fitting, 1'000'000)));
  for (const Token token : request.tokens)
    if (token < 0 || token >= original->shape().vocabulary)
      throw Error(ErrorKind::input, "text", "id " + std::to_string(token) + " is outside the vocabulary",
                  "use the model's own tokenizer");
  const auto sums = emptySums(weights, tokens);
  Workload workload;
  workload.capacityTokens = tokens;
  const auto length = static_cast<std::size_t>(tokens);
  std::atomic<int> next{0};
  std::mutex lock;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      const auto runner = cpu::makeRunner(original, workload, std::make_shared<cpu::Team>(1), &sums);
      for (int window; (window = next.fetch_add(1)) < windows && !task.stopped();) {
        runner->reset();
        runner->prefill(0, std::span(request.tokens).subspan(static_cast<std::size_t>(window) * length, length),
                        nullptr, task.stopToken());
        task.report(static_cast<double>(window) / windows, "recording inputs");
      }
    } catch (...) {
      next = windows;
      const std::lock_guard guard(lock);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int thread = 1; thread < std::min(cores, windows); ++thread) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  task.throwIfStopped();
  std::vector<InputStatistics> result;
  for (std::size_t bank = 0; bank < weights.filters.size(); ++bank)
    result.push_back(finished(weights.filters[bank], *sums[bank]));
  return result;
}

}  // namespace engine
