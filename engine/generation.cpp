#include "engine/generation.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "analysis/error.h"
#include "engine/error.h"

namespace engine {
namespace {

// Tokens of a lane's turn. Few, so that lanes meet the same machine; on a GPU more, so that it need not pause, as long as
// lanes seem to go side by side.
constexpr int fewestPerTurn = 4, mostPerTurn = 32;
constexpr double turnSeconds = 0.02;

// Room for everything a lane will say, so that a slow poller loses nothing.
std::size_t ringCapacity(const LaneRequest& request) {
  const long long events = static_cast<long long>(std::max(request.tokens, 1)) * std::max(request.workload.batch, 1);
  return static_cast<std::size_t>(std::min(events, 1LL << 20));
}

}  // namespace

struct Generation::Shared {
  struct Lane {
    explicit Lane(LaneRequest r) : request(std::move(r)), ring(ringCapacity(request)) {}
    LaneRequest request;
    TokenRing ring;
    std::optional<Session> session;  // the thread's alone
    std::mutex lock;                 // of state and timings
    LaneState state;
    Timings timings;
  };

  std::vector<std::unique_ptr<Lane>> lanes;
  std::atomic<bool> finished{false};
  std::mutex pauseLock;
  std::condition_variable_any pauseChanged;
  bool paused = false;
  std::jthread thread;  // last: joined before the rest goes

  void run(const std::stop_token& stop);
  void begin(Lane&, const std::shared_ptr<Device>&, const std::stop_token&);
  void turn(Lane&, const std::stop_token&);
  void waitWhilePaused(const std::stop_token& stop);

  static void setPhase(Lane& lane, LaneState::Phase phase) {
    const std::lock_guard guard(lane.lock);
    lane.state.phase = phase;
  }
  // Runs one piece of a lane's work; an error ends that lane alone.
  template <class Work>
  static void guarded(Lane& lane, Work&& work) {
    std::string error;
    try {
      work();
      return;
    } catch (const std::bad_alloc&) {
      error = "generation: out of memory; use a smaller batch or capacity.";
    } catch (const std::exception& e) {
      error = e.what();
    }
    lane.session.reset();
    const std::lock_guard guard(lane.lock);
    lane.state.phase = LaneState::Phase::failed;
    lane.state.error = std::move(error);
  }
};

void Generation::Shared::begin(Lane& lane, const std::shared_ptr<Device>& device, const std::stop_token& stop) {
  if (!lane.request.model) throw Error(ErrorKind::input, lane.request.name, "the lane has no model", "load one first");
  setPhase(lane, LaneState::Phase::prefill);
  const auto batch = static_cast<std::size_t>(std::max(lane.request.workload.batch, 0));
  lane.session.emplace(lane.request.model, lane.request.workload, device);
  std::vector<Token> prompts;
  prompts.reserve(batch * lane.request.prompt.size());
  for (std::size_t b = 0; b < batch; ++b)
    prompts.insert(prompts.end(), lane.request.prompt.begin(), lane.request.prompt.end());
  const Outcome outcome = lane.session->prefill(prompts, stop);
  const std::lock_guard guard(lane.lock);
  lane.state.memory = lane.session->memory();
  lane.timings = lane.session->timings();
  lane.state.prefillSeconds = lane.timings.prefillSeconds;
  lane.state.phase = outcome == Outcome::stopped ? LaneState::Phase::stopped : LaneState::Phase::decode;
}

void Generation::Shared::turn(Lane& lane, const std::stop_token& stop) {
  const std::vector<double>& each = lane.session->timings().tokenSeconds;
  const int made = static_cast<int>(each.size());
  const double last = each.empty() ? turnSeconds : each.back();
  int atOnce = fewestPerTurn;
  if (lane.request.device != "cpu")
    atOnce = last * mostPerTurn < turnSeconds ? mostPerTurn : std::max(atOnce, static_cast<int>(turnSeconds / last));
  const int wanted = std::min(atOnce, lane.request.tokens - made);
  const Outcome outcome = lane.session->decode(std::max(wanted, 0), &lane.ring, stop);
  const Timings& timings = lane.session->timings();
  const int total = static_cast<int>(timings.tokenSeconds.size());
  const std::lock_guard guard(lane.lock);
  lane.timings.tokenSeconds.insert(lane.timings.tokenSeconds.end(), timings.tokenSeconds.begin() + made,
                                   timings.tokenSeconds.end());
  lane.state.generated = total;
  if (outcome == Outcome::stopped)
    lane.state.phase = LaneState::Phase::stopped;
  else if (outcome == Outcome::full || total >= lane.request.tokens)
    lane.state.phase = LaneState::Phase::finished;
}

void Generation::Shared::waitWhilePaused(const std::stop_token& stop) {
  std::unique_lock guard(pauseLock);
  pauseChanged.wait(guard, stop, [this] { return !paused; });
}

void Generation::Shared::run(const std::stop_token& stop) {
  std::map<std::string, std::shared_ptr<Device>> devices;  // lanes on the same one share it
  for (auto& lane : lanes)
    guarded(*lane, [&] {
      waitWhilePaused(stop);
      auto& device = devices[lane->request.device];
      if (!device) device = Device::open(lane->request.device);
      begin(*lane, device, stop);
    });
  for (bool active = true; active;) {
    active = false;
    for (auto& lane : lanes) {
      if (lane->state.phase != LaneState::Phase::decode) continue;  // only this thread writes it
      waitWhilePaused(stop);
      guarded(*lane, [&] { turn(*lane, stop); });
      if (lane->state.phase == LaneState::Phase::decode)
        active = true;
      else
        lane->session.reset();  // its memory is the other lanes' now
    }
  }
  for (auto& lane : lanes) lane->session.reset();
  finished = true;
}

Generation::Generation(std::vector<LaneRequest> requests) : m_shared(std::make_unique<Shared>()) {
  for (LaneRequest& request : requests) m_shared->lanes.push_back(std::make_unique<Shared::Lane>(std::move(request)));
  m_shared->thread = std::jthread([shared = m_shared.get()](const std::stop_token& stop) { shared->run(stop); });
}

Generation::~Generation() {
  cancel();
}

void Generation::pause(bool paused) {
  {
    const std::lock_guard guard(m_shared->pauseLock);
    m_shared->paused = paused;
  }
  m_shared->pauseChanged.notify_all();
}

void Generation::cancel() {
  m_shared->thread.request_stop();
}

bool Generation::finished() const {
  return m_shared->finished;
}

int Generation::laneCount() const {
  return static_cast<int>(m_shared->lanes.size());
}

LaneState Generation::poll(int lane) {
  Shared::Lane& l = *m_shared->lanes.at(static_cast<std::size_t>(lane));
  const std::lock_guard guard(l.lock);
  LaneState state = l.state;
  state.events = l.ring.drain();
  return state;
}

Timings Generation::timings(int lane) const {
  Shared::Lane& l = *m_shared->lanes.at(static_cast<std::size_t>(lane));
  const std::lock_guard guard(l.lock);
  return l.timings;
}

}  // namespace engine
