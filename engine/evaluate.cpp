#include "engine/evaluate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "engine/error.h"
#include "engine/session.h"

namespace engine {
namespace {

// log sum_i exp(logits[i])
double logTotal(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(total);
}

// KL(reference || model) in nats.
double divergence(std::span<const float> reference, std::span<const float> model) {
  const double referenceTotal = logTotal(reference), modelTotal = logTotal(model);
  double sum = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double logP = reference[i] - referenceTotal;
    sum += std::exp(logP) * (logP - (model[i] - modelTotal));
  }
  return std::max(0.0, sum);
}

std::size_t mostLikely(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Logits at every position of one window, [windowTokens, vocabulary].
class WindowReader {
 public:
  WindowReader(std::shared_ptr<const Model> model, Mode mode, bool stepByStep, int windowTokens,
               std::shared_ptr<Device> device)
      : m_vocabulary(static_cast<std::size_t>(model->shape().vocabulary)),
        m_stepByStep(stepByStep),
        m_session(std::move(model), workload(mode, windowTokens), std::move(device)) {
    if (stepByStep) m_steps.resize(static_cast<std::size_t>(windowTokens) * m_vocabulary);
    m_session.keepAllLogits(!stepByStep);
  }

  // Empty when stopped.
  std::span<const float> read(std::span<const Token> window, std::stop_token stop) {
    if (!m_stepByStep)
      return m_session.prefill(window, stop) == Outcome::finished ? m_session.allLogits() : std::span<const float>{};
    if (m_session.prefill(window.first(1), stop) != Outcome::finished) return {};
    const auto keep = [&](int row) {
      std::copy_n(m_session.logits(0).begin(), m_vocabulary,
                  m_steps.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * m_vocabulary));
    };
    keep(0);
    const Outcome outcome = m_session.force(window.subspan(1), stop, [&](int step) { keep(step + 1); });
    return outcome == Outcome::finished ? std::span<const float>(m_steps) : std::span<const float>{};
  }

 private:
  static Workload workload(Mode mode, int windowTokens) {
    Workload result;
    result.capacityTokens = windowTokens;
    result.mode = mode;
    return result;
  }

  std::size_t m_vocabulary;
  bool m_stepByStep;
  std::vector<float> m_steps;
  Session m_session;
};

// The mode that is exact for the filters a model has.
Mode exactMode(const Model& model) {
  const auto& blocks = model.shape().blocks;
  const bool attends = std::all_of(blocks.begin(), blocks.end(),
                                   [](const BlockShape& block) { return block.kind == BlockShape::Kind::attention; });
  return {attends ? Mixer::attention : Mixer::convolutionLazy, Prefill::automatic};
}

int countWindows(const EvaluationRequest& request, int windowTokens) {
  const auto fitting = static_cast<long long>(request.tokens.size() - (request.tokens.empty() ? 0 : 1)) / windowTokens;
  if (fitting < 1)
    throw Error(ErrorKind::input, "text",
                "its " + std::to_string(request.tokens.size()) + " tokens are fewer than one window of " +
                    std::to_string(windowTokens) + " and its last target",
                "use a longer text or shorter windows");
  const long long wanted = request.windows > 0 ? request.windows : fitting;
  return static_cast<int>(std::min({wanted, fitting, 1'000'000LL}));
}

}  // namespace

Evaluation evaluate(const std::shared_ptr<const Model>& model, const EvaluationRequest& request,
                    const std::shared_ptr<const Model>& reference, const analysis::Task& task) {
  const auto start = std::chrono::steady_clock::now();
  if (request.windows < 0 || request.windowTokens < 0)
    throw Error(ErrorKind::input, "evaluation", "the number of windows or their length is negative", "use 0 or more");
  if (reference && reference->shape().vocabulary != model->shape().vocabulary)
    throw Error(ErrorKind::input, "evaluation", "the two models have different vocabularies",
                "compare a model with its own original");
  Evaluation result;
  result.windowTokens = request.windowTokens > 0 ? request.windowTokens : model->trainingLengthTokens();
  if (result.windowTokens < 1)
    throw Error(ErrorKind::input, "evaluation", "the model does not tell its training length", "give a window length");
  result.windows = countWindows(request, result.windowTokens);

  const auto length = static_cast<std::size_t>(result.windowTokens);
  const auto vocabulary = static_cast<std::size_t>(model->shape().vocabulary);
  const std::size_t total = static_cast<std::size_t>(result.windows) * length;
  result.nll.resize(total);
  result.windowBits.resize(static_cast<std::size_t>(result.windows));
  if (reference) result.kl.resize(total);

  std::atomic<int> next{0}, done{0};
  std::atomic<long long> agreeing{0};
  std::mutex lock;  // progress and the first failure
  std::exception_ptr failure;

  const auto measure = [&](std::size_t window, WindowReader& reader, WindowReader* referenceReader) {
    const std::span<const Token> tokens = std::span(request.tokens).subspan(window * length, length + 1);
    const auto logits = reader.read(tokens.first(length), task.stopToken());
    const auto expected =
        referenceReader ? referenceReader->read(tokens.first(length), task.stopToken()) : std::span<const float>{};
    if (logits.empty() || (referenceReader && expected.empty())) return;
    double sum = 0;
    for (std::size_t t = 0; t < length; ++t) {
      const auto row = logits.subspan(t * vocabulary, vocabulary);
      const auto target = static_cast<std::size_t>(tokens[t + 1]);
      if (target >= vocabulary)
        throw Error(ErrorKind::input, "text", "id " + std::to_string(tokens[t + 1]) + " is outside the vocabulary",
                    "use the model's own tokenizer");
      const double nll = logTotal(row) - row[target];
      result.nll[window * length + t] = static_cast<float>(nll);
      sum += nll;
      if (!referenceReader) continue;
      const auto expectedRow = expected.subspan(t * vocabulary, vocabulary);
      result.kl[window * length + t] = static_cast<float>(divergence(expectedRow, row));
      if (mostLikely(expectedRow) == mostLikely(row)) ++agreeing;
    }
    result.windowBits[window] = sum / static_cast<double>(length) / std::log(2.0);
    const std::lock_guard guard(lock);
    task.report(++done / static_cast<double>(result.windows), "evaluating");
  };

  const auto work = [&] {
    try {
      const std::shared_ptr<Device> device = Device::open("cpu", 1);
      WindowReader reader(model, request.mode, request.stepByStep, result.windowTokens, device);
      std::unique_ptr<WindowReader> referenceReader;
      if (reference)
        referenceReader =
            std::make_unique<WindowReader>(reference, exactMode(*reference), false, result.windowTokens, device);
      for (int window; (window = next.fetch_add(1)) < result.windows && !task.stopped();)
        measure(static_cast<std::size_t>(window), reader, referenceReader.get());
    } catch (...) {
      next = result.windows;
      const std::lock_guard guard(lock);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    for (int thread = 1; thread < std::min(cores, result.windows); ++thread) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  task.throwIfStopped();

  result.bitsPerToken = std::accumulate(result.windowBits.begin(), result.windowBits.end(), 0.0) / result.windows;
  result.perplexity = std::exp2(result.bitsPerToken);
  if (reference) {
    result.klPerToken = std::accumulate(result.kl.begin(), result.kl.end(), 0.0) / static_cast<double>(total);
    result.topOneAgreement = static_cast<double>(agreeing) / static_cast<double>(total);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace engine
