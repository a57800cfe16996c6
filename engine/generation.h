// A generation on a thread of its own, for programs that must not wait: start, poll, cancel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/session.h"

namespace engine {

struct LaneRequest {
  std::string name;  // "original", "distilled"
  std::shared_ptr<const Model> model;
  Workload workload;
  std::vector<Token> prompt;  // one sequence, repeated for every member of the batch
  int tokens = 256;           // to generate
  std::string device = "cpu";  // see devices()
};

struct LaneState {
  enum class Phase { waiting, prefill, decode, finished, stopped, failed } phase = Phase::waiting;
  std::vector<TokenEvent> events;  // since the last poll
  double prefillSeconds = 0;
  int generated = 0;  // tokens per sequence so far
  MemoryUse memory;
  std::string error;  // one sentence when failed; other lanes run on
};

// Lanes take turns on one thread in slices of a few tokens, so that each lane's token times are its own and all streams
// move together ("turns" of the engine page). Destroying it cancels and joins.
class Generation {
 public:
  explicit Generation(std::vector<LaneRequest>);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  void pause(bool);
  void cancel();          // returns at once; answered within one token, on a GPU sixteen
  bool finished() const;  // all lanes ended
  int laneCount() const;
  LaneState poll(int lane);  // never blocks for longer than a copy of the new events
  // After finished(): the whole record of a lane.
  Timings timings(int lane) const;

 private:
  struct Shared;
  std::unique_ptr<Shared> m_shared;
};

}  // namespace engine
