#include "engine/session.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <new>
#include <string>
#include <utility>

#include "engine/error.h"
#include "engine/runner.h"
#include "engine/sampling.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const Model& model, const Workload& workload) {
  const auto refuse = [](const std::string& problem, const std::string& advice) {
    throw Error(ErrorKind::input, "session", problem, advice);
  };
  if (workload.batch < 1 || workload.batch > 65536)
    refuse("a batch of " + std::to_string(workload.batch) + " was asked for", "use 1 to 65536 sequences");
  if (workload.capacityTokens < 1 || workload.capacityTokens > (1 << 24))
    refuse("a capacity of " + std::to_string(workload.capacityTokens) + " tokens was asked for",
           "use 1 to 16777216 tokens");
  const int positions = model.shape().positions;
  if (positions > 0 && workload.capacityTokens > positions)
    refuse("a capacity of " + std::to_string(workload.capacityTokens) + " tokens was asked for, but the model has " +
               std::to_string(positions) + " learned positions",
           "use a shorter prompt or generate fewer tokens");
}

std::string mebibytes(std::size_t bytes) {
  return std::to_string((bytes >> 20) + 1) + " MiB";
}

}  // namespace

struct Session::State {
  std::shared_ptr<const Model> model;
  Workload workload;
  std::shared_ptr<Device> device;
  std::unique_ptr<Runner> runner;
  std::vector<std::vector<Token>> seen, generated;  // of each sequence
  std::vector<Token> next;
  std::vector<float> allLogits;
  bool keepAllLogits = false;
  int position = 0;
  bool ready = false;  // logits are those of the last token seen
  Timings timings;
  Clock::time_point decodeStart{};

  // Takes over one step's tokens.
  void keep(std::span<const Token> tokens, double stepSeconds, double sinceStartSeconds, TokenRing* ring) {
    timings.tokenSeconds.push_back(stepSeconds);
    const auto nanoseconds = [](double seconds) { return static_cast<std::int64_t>(seconds * 1e9); };
    for (int b = 0; b < workload.batch; ++b) {
      const Token token = tokens[static_cast<std::size_t>(b)];
      seen[static_cast<std::size_t>(b)].push_back(token);
      generated[static_cast<std::size_t>(b)].push_back(token);
      if (ring) ring->push({b, position, token, nanoseconds(sinceStartSeconds), nanoseconds(stepSeconds)});
    }
    ++position;
  }

  // Where the device draws: a few steps at a time, so that a stop is answered within milliseconds, and always the next
  // ones begun before the last ones' tokens are taken over.
  Outcome decodeThere(int tokens, TokenRing* ring, const std::stop_token& stop) {
    const auto batch = static_cast<std::size_t>(workload.batch);
    std::vector<Token> drawn(batch * Runner::stepsAtOnce);
    std::vector<double> seconds(Runner::stepsAtOnce);
    const int first = position, wanted = std::min(tokens, workload.capacityTokens - first);
    std::deque<int> counts;  // of what has begun and not ended
    double clock = secondsSince(decodeStart);
    for (int begun = 0;;) {
      while (counts.size() < Runner::mostBegun && begun < wanted && !stop.stop_requested()) {
        counts.push_back(std::min(Runner::stepsAtOnce, wanted - begun));
        begun += counts.back();
        ready = false;  // until the device has answered
        runner->beginSteps(first + begun - counts.back(), counts.back());
      }
      if (counts.empty()) {
        ready = true;
        if (begun == tokens) return Outcome::finished;
        return stop.stop_requested() ? Outcome::stopped : Outcome::full;
      }
      const auto count = static_cast<std::size_t>(counts.front());
      runner->endSteps(std::span(drawn).first(batch * count), std::span(seconds).first(count));
      counts.pop_front();
      for (std::size_t step = 0; step < count; ++step) {
        clock += seconds[step];
        keep(std::span<const Token>(drawn).subspan(step * batch, batch), seconds[step], clock, ring);
      }
    }
  }

  void requireReady() const {
    if (!ready)
      throw Error(ErrorKind::input, "session", "there are no logits to continue from", "prefill a prompt first");
  }
  void checkIds(std::span<const Token> tokens) const {
    for (const Token token : tokens)
      if (token < 0 || token >= model->shape().vocabulary)
        throw Error(ErrorKind::input, "prompt", "id " + std::to_string(token) + " is outside the vocabulary",
                    "use ids from 0 to " + std::to_string(model->shape().vocabulary - 1));
  }
};

Session::Session(std::shared_ptr<const Model> model, const Workload& workload, std::shared_ptr<Device> device)
    : m_state(std::make_unique<State>()) {
  check(*model, workload);
  State& s = *m_state;
  s.device = device ? std::move(device) : Device::open();
  const Footprint needs = s.device->predict(model->shape(), workload);
  const std::size_t free = s.device->freeBytes();
  const double needed =
      static_cast<double>(needs.stateBytesPerSequence + needs.cacheBytesPerSequence) * workload.batch +
      static_cast<double>(needs.workspaceBytes + needs.tableBytes);
  const auto refuse = [&] {
    const std::size_t bytes = needs.sessionBytes(workload.batch) + needs.tableBytes;
    throw Error(ErrorKind::memory, "session",
                "it needs " + mebibytes(bytes) + " where " + mebibytes(free) + " are free",
                "use a smaller batch or capacity, or a recurrent mode", bytes, free);
  };
  if (needed > static_cast<double>(free)) refuse();
  try {
    s.runner = s.device->run(model, workload);
  } catch (const std::bad_alloc&) {
    refuse();
  }
  s.model = std::move(model);
  s.workload = workload;
  s.seen.resize(static_cast<std::size_t>(workload.batch));
  s.generated.resize(static_cast<std::size_t>(workload.batch));
  s.next.resize(static_cast<std::size_t>(workload.batch));
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

const Workload& Session::workload() const {
  return m_state->workload;
}

Outcome Session::prefill(std::span<const Token> prompts, std::stop_token stop) {
  State& s = *m_state;
  const auto batch = static_cast<std::size_t>(s.workload.batch);
  if (prompts.empty() || prompts.size() % batch != 0)
    throw Error(ErrorKind::input, "prompt",
                prompts.empty() ? "it is empty" : "its ids do not divide into equal rows, one for each sequence",
                "give every sequence at least one token, and all of them the same number");
  const std::size_t tokens = prompts.size() / batch;
  if (tokens > static_cast<std::size_t>(s.workload.capacityTokens))
    throw Error(
        ErrorKind::input, "prompt",
        "its " + std::to_string(tokens) + " tokens exceed the capacity of " + std::to_string(s.workload.capacityTokens),
        "shorten it or raise the capacity");
  s.checkIds(prompts);

  const auto start = Clock::now();
  s.ready = false;
  s.position = 0;
  s.timings = {};
  for (auto& sequence : s.generated) sequence.clear();
  for (std::size_t b = 0; b < batch; ++b)
    s.seen[b].assign(prompts.begin() + static_cast<std::ptrdiff_t>(b * tokens),
                     prompts.begin() + static_cast<std::ptrdiff_t>((b + 1) * tokens));
  s.allLogits.clear();
  if (s.keepAllLogits) s.allLogits.resize(tokens * static_cast<std::size_t>(s.model->shape().vocabulary));
  s.runner->reset();
  float* all = s.keepAllLogits ? s.allLogits.data() : nullptr;
  if (!s.runner->prefillAll(prompts, static_cast<int>(tokens), all, stop)) return Outcome::stopped;
  s.position = static_cast<int>(tokens);
  s.ready = true;
  s.decodeStart = {};
  s.timings.prefillSeconds = secondsSince(start);
  return Outcome::finished;
}

Outcome Session::decode(int tokens, TokenRing* ring, std::stop_token stop) {
  State& s = *m_state;
  s.requireReady();
  if (s.decodeStart == Clock::time_point{}) s.decodeStart = Clock::now();
  if (s.runner->drawsTokens()) return s.decodeThere(tokens, ring, stop);
  for (int step = 0; step < tokens; ++step) {
    if (stop.stop_requested()) return Outcome::stopped;
    if (s.position >= s.workload.capacityTokens) return Outcome::full;
    const auto start = Clock::now();
    for (int b = 0; b < s.workload.batch; ++b)
      s.next[static_cast<std::size_t>(b)] =
          sample(s.runner->logits(b), s.model->vocabularySize(), s.workload.sampling, s.workload.seed, b, s.position);
    s.runner->step(s.position, s.next);
    const auto end = Clock::now();
    s.keep(s.next, std::chrono::duration<double>(end - start).count(),
           std::chrono::duration<double>(end - s.decodeStart).count(), ring);
  }
  return Outcome::finished;
}

Outcome Session::force(std::span<const Token> tokens, std::stop_token stop,
                       const std::function<void(int step)>& observe) {
  State& s = *m_state;
  s.requireReady();
  const auto batch = static_cast<std::size_t>(s.workload.batch);
  if (tokens.size() % batch != 0)
    throw Error(ErrorKind::input, "forced tokens", "they do not divide into equal rows, one for each sequence",
                "give every sequence the same number");
  s.checkIds(tokens);
  const std::size_t count = tokens.size() / batch;
  for (std::size_t step = 0; step < count; ++step) {
    if (stop.stop_requested()) return Outcome::stopped;
    if (s.position >= s.workload.capacityTokens) return Outcome::full;
    for (std::size_t b = 0; b < batch; ++b) {
      s.next[b] = tokens[b * count + step];
      s.seen[b].push_back(s.next[b]);
    }
    s.runner->step(s.position, s.next);
    ++s.position;
    if (observe) observe(static_cast<int>(step));
  }
  return Outcome::finished;
}

Snapshot Session::snapshot() const {
  const State& s = *m_state;
  s.requireReady();
  Snapshot result{s.model, s.workload, s.position, s.seen, s.generated, s.device->id(), {}};
  StateArchive archive;
  if (s.runner->archive(archive)) result.state = archive.take();
  return result;
}

Outcome Session::restore(const Snapshot& snapshot, std::stop_token stop) {
  State& s = *m_state;
  if (snapshot.tokens.size() != static_cast<std::size_t>(s.workload.batch) || snapshot.position < 1)
    throw Error(ErrorKind::input, "snapshot",
                "it holds " + std::to_string(snapshot.tokens.size()) + " sequences where the session has " +
                    std::to_string(s.workload.batch),
                "restore it into a session of the same batch");
  const Mode &from = snapshot.workload.mode, &to = s.workload.mode;
  const bool same = snapshot.model == s.model && !snapshot.state.empty() && from.mixer == to.mixer &&
                    from.blockLength == to.blockLength && snapshot.workload.capacityTokens == s.workload.capacityTokens &&
                    snapshot.device == s.device->id() && snapshot.workload.precision == s.workload.precision;
  if (same) {
    StateArchive archive(snapshot.state);
    s.ready = s.runner->archive(archive) && archive.complete();
    if (!s.ready)
      throw Error(ErrorKind::input, "snapshot", "its state is not that of this mode", "restore what snapshot() gave");
    s.position = snapshot.position;
    s.seen = snapshot.tokens;
    s.timings = {};
    s.decodeStart = {};
  } else {
    std::vector<Token> tokens;
    for (const auto& sequence : snapshot.tokens) tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    if (prefill(tokens, stop) == Outcome::stopped) return Outcome::stopped;
  }
  s.generated = snapshot.generated;
  return Outcome::finished;
}

std::span<const float> Session::logits(int sequence) const {
  m_state->requireReady();
  if (sequence < 0 || sequence >= m_state->workload.batch)
    throw Error(ErrorKind::input, "sequence " + std::to_string(sequence), "the batch has no such member",
                "use 0 to " + std::to_string(m_state->workload.batch - 1));
  return m_state->runner->logits(sequence);
}

void Session::keepAllLogits(bool keep) {
  m_state->keepAllLogits = keep;
}
std::span<const float> Session::allLogits() const {
  return m_state->allLogits;
}
int Session::position() const {
  return m_state->position;
}

std::span<const Token> Session::generated(int sequence) const {
  return m_state->generated.at(static_cast<std::size_t>(sequence));
}

const Timings& Session::timings() const {
  return m_state->timings;
}

MemoryUse Session::memory() const {
  MemoryUse use = m_state->runner->memory();
  use.workspaceBytes += m_state->allLogits.capacity() * sizeof(float);
  return use;
}

}  // namespace engine
