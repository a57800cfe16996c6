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
  if (request.tokens.empty()) throw Error(ErrorKind::input, "text", "it is empty", "give at least one window of it");
  const auto fitting = static_cast<long long>(request.tokens.size() - 1) / windowTokens;
  if (fitting < 1)
    throw Error(ErrorKind::input, "text",
                "its " + std::to_string(request.tokens.size()) + " tokens are fewer than one window of " +
                    std::to_string(windowTokens) + " and its last target",
                "use a longer text or shorter windows");
  const long long wanted = request.windows > 0 ? request.windows : fitting;
  return static_cast<int>(std::min({wanted, fitting, 1'000'000LL}));
}

// Ids must be looked up before they index anything.
void checkIds(const EvaluationRequest& request, std::size_t count, std::size_t vocabulary) {
  for (const Token token : std::span(request.tokens).first(count))
    if (token < 0 || static_cast<std::size_t>(token) >= vocabulary)
      throw Error(ErrorKind::input, "text", "id " + std::to_string(token) + " is outside the vocabulary",
                  "use the model's own tokenizer");
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Windows handed out to threads; each has its own sessions and writes into its own places of the result.
class Measurement {
 public:
  Measurement(const std::shared_ptr<const Model>& model, const EvaluationRequest& request,
              const std::shared_ptr<const Model>& reference, const analysis::Task& task, Evaluation& result)
      : m_model(model),
        m_request(request),
        m_reference(reference),
        m_task(task),
        m_result(result),
        m_compared(reference || !request.referenceLogits.empty()),
        m_length(static_cast<std::size_t>(result.windowTokens)),
        m_vocabulary(static_cast<std::size_t>(model->shape().vocabulary)) {
    const auto windows = static_cast<std::size_t>(result.windows);
    const std::size_t total = windows * m_length;
    if (!request.referenceLogits.empty() && request.referenceLogits.size() != total * m_vocabulary)
      throw Error(ErrorKind::input, "evaluation", "the reference logits belong to other windows",
                  "evaluate the reference on the same tokens");
    checkIds(request, total + 1, m_vocabulary);
    result.nll.resize(total);
    result.windowBits.resize(windows);
    if (request.keepLogits) result.logits.resize(total * m_vocabulary);
    if (!m_compared) return;
    result.kl.resize(total);
    result.referenceNll.resize(total);
    result.referenceWindowBits.resize(windows);
  }

  void run() {
    {
      std::vector<std::jthread> helpers;
      const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
      for (int thread = 1; thread < std::min(cores, m_result.windows); ++thread)
        helpers.emplace_back([this] { work(); });
      work();
    }
    if (m_failure) std::rethrow_exception(m_failure);
  }

  bool compared() const { return m_compared; }
  long long agreeing() const { return m_agreeing; }
  // Of all threads together.
  double modelSeconds() const { return m_modelSeconds; }
  double referenceSeconds() const { return m_referenceSeconds; }

 private:
  void work() {
    try {
      const std::shared_ptr<Device> device = Device::open("cpu", 1);
      WindowReader reader(m_model, m_request.mode, m_request.stepByStep, m_result.windowTokens, device);
      std::unique_ptr<WindowReader> referenceReader;
      if (m_reference && m_request.referenceLogits.empty())
        referenceReader =
            std::make_unique<WindowReader>(m_reference, exactMode(*m_reference), false, m_result.windowTokens, device);
      for (int window; (window = m_next.fetch_add(1)) < m_result.windows && !m_task.stopped();)
        measure(static_cast<std::size_t>(window), reader, referenceReader.get());
    } catch (...) {
      m_next = m_result.windows;
      const std::lock_guard guard(m_lock);
      if (!m_failure) m_failure = std::current_exception();
    }
  }

  std::span<const float> expected(std::size_t window, std::span<const Token> inputs, WindowReader* reader) const {
    if (reader) return reader->read(inputs, m_task.stopToken());
    if (!m_compared) return {};
    return m_request.referenceLogits.subspan(window * m_length * m_vocabulary, m_length * m_vocabulary);
  }

  void measure(std::size_t window, WindowReader& reader, WindowReader* referenceReader) {
    const auto tokens = std::span(m_request.tokens).subspan(window * m_length, m_length + 1);
    const auto begun = std::chrono::steady_clock::now();
    const auto logits = reader.read(tokens.first(m_length), m_task.stopToken());
    const double modelSeconds = secondsSince(begun);
    const auto wanted = expected(window, tokens.first(m_length), referenceReader);
    const double referenceSeconds = secondsSince(begun) - modelSeconds;
    if (logits.empty() || (m_compared && wanted.empty())) return;
    double sum = 0, referenceSum = 0;
    long long agreeing = 0;
    for (std::size_t t = 0; t < m_length; ++t) {
      const std::size_t at = window * m_length + t;
      const auto row = logits.subspan(t * m_vocabulary, m_vocabulary);
      const auto target = static_cast<std::size_t>(tokens[t + 1]);
      const double nll = logTotal(row) - row[target];
      m_result.nll[at] = static_cast<float>(nll);
      sum += nll;
      if (m_request.keepLogits)
        std::copy(row.begin(), row.end(), m_result.logits.begin() + static_cast<std::ptrdiff_t>(at * m_vocabulary));
      if (!m_compared) continue;
      const auto wantedRow = wanted.subspan(t * m_vocabulary, m_vocabulary);
      const double referenceNll = logTotal(wantedRow) - wantedRow[target];
      m_result.referenceNll[at] = static_cast<float>(referenceNll);
      referenceSum += referenceNll;
      m_result.kl[at] = static_cast<float>(divergence(wantedRow, row));
      if (mostLikely(wantedRow) == mostLikely(row)) ++agreeing;
    }
    const double bits = static_cast<double>(m_length) * std::log(2.0);
    m_result.windowBits[window] = sum / bits;
    if (m_compared) m_result.referenceWindowBits[window] = referenceSum / bits;
    const std::lock_guard guard(m_lock);
    m_agreeing += agreeing;
    m_modelSeconds += modelSeconds;
    m_referenceSeconds += referenceSeconds;
    m_task.report(++m_done / static_cast<double>(m_result.windows), "evaluating");
  }

  const std::shared_ptr<const Model>& m_model;
  const EvaluationRequest& m_request;
  const std::shared_ptr<const Model>& m_reference;
  const analysis::Task& m_task;
  Evaluation& m_result;
  bool m_compared;
  std::size_t m_length, m_vocabulary;
  std::atomic<int> m_next{0};
  std::mutex m_lock;  // of what follows
  int m_done = 0;
  long long m_agreeing = 0;
  double m_modelSeconds = 0, m_referenceSeconds = 0;
  std::exception_ptr m_failure;
};

LossChange change(std::span<const double> original, std::span<const double> changed) {
  const auto windows = static_cast<double>(original.size());
  LossChange result;
  for (std::size_t w = 0; w < original.size(); ++w) result.bits += (changed[w] - original[w]) / windows;
  if (original.size() < 2) return result;
  double squares = 0;
  for (std::size_t w = 0; w < original.size(); ++w) squares += std::pow(changed[w] - original[w] - result.bits, 2);
  result.spreadBits = std::sqrt(squares / (windows - 1) / windows);
  return result;
}

}  // namespace

LossChange lossChange(const Evaluation& original, const Evaluation& changed) {
  return change(original.windowBits, changed.windowBits);
}

LossChange lossChange(const Evaluation& changed) {
  return change(changed.referenceWindowBits, changed.windowBits);
}

std::vector<double> overPosition(std::span<const float> perToken, int windowTokens, int parts) {
  if (windowTokens < 1 || parts < 1 || perToken.size() % static_cast<std::size_t>(windowTokens) != 0)
    throw Error(ErrorKind::input, "drift", "the values are not those of whole windows", "give one for every token");
  const auto length = static_cast<std::size_t>(windowTokens);
  const std::size_t pieces = std::min(static_cast<std::size_t>(parts), length);
  std::vector<double> sums(pieces), counts(pieces);
  for (std::size_t i = 0; i < perToken.size(); ++i) {
    const std::size_t piece = i % length * pieces / length;
    sums[piece] += perToken[i];
    counts[piece] += 1;
  }
  for (std::size_t piece = 0; piece < pieces; ++piece) sums[piece] /= std::max(1.0, counts[piece]);
  return sums;
}

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

  Measurement measurement(model, request, reference, task, result);
  measurement.run();
  task.throwIfStopped();

  result.bitsPerToken = mean(result.windowBits);
  result.perplexity = std::exp2(result.bitsPerToken);
  const double seconds = secondsSince(start);
  const double busy = std::max(1e-12, measurement.modelSeconds() + measurement.referenceSeconds());
  result.seconds = seconds * measurement.modelSeconds() / busy;
  if (measurement.compared()) {
    result.referenceSeconds = seconds * measurement.referenceSeconds() / busy;
    result.referenceBitsPerToken = mean(result.referenceWindowBits);
    const auto total = static_cast<double>(result.kl.size());
    result.klPerToken = std::accumulate(result.kl.begin(), result.kl.end(), 0.0) / total;
    result.topOneAgreement = static_cast<double>(measurement.agreeing()) / total;
  }
  return result;
}

}  // namespace engine
