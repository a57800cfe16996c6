// Computed filters, a chunk of a bank at a time, least recently used dropped first.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "analysis/checkpoint/survey.h"

namespace analysis {

// Thread-safe. A chunk is computed by one thread; others that ask for it wait, and try themselves when that thread was
// stopped. Filters handed out stay valid after they are dropped.
class BankCache {
 public:
  explicit BankCache(std::size_t capacityBytes) : capacity(capacityBytes) {}

  // The filter `id` of `bank`. Cost: the evaluation of a chunk (4 MB of taps, or 8 longer filters) at first sight, then O(1).
  std::shared_ptr<const Filter> filter(FilterId id, const Bank& bank, const FilterSource&, const Task&);

 private:
  using Chunk = std::vector<std::shared_ptr<const Filter>>;
  using Key = std::pair<int, int>;  // bank, chunk
  struct Entry {
    std::mutex mutex;  // guards computing and chunk; not held while the chunk is computed
    std::condition_variable done;
    bool computing = false;
    std::shared_ptr<const Chunk> chunk;
    std::size_t bytes = 0;  // 0 until the chunk is there; guarded, as the place, by the mutex of the cache
    std::list<Key>::iterator place;
  };

  std::shared_ptr<Entry> entryFor(Key);
  void keep(Key, const std::shared_ptr<Entry>&, std::size_t bytes);

  std::size_t capacity, used = 0;
  std::mutex mutex;  // guards what follows, never held while computing
  std::map<Key, std::shared_ptr<Entry>> entries;
  std::list<Key> order;  // most recently used first
};

// "LAYER.CHANNEL" or "LAYER.OPERATOR.CHANNEL".
std::string filterName(const Bank&, int channel);

}  // namespace analysis
