#include "analysis/checkpoint/bankcache.h"

#include <algorithm>
#include <chrono>

namespace analysis {
namespace {

// A chunk is small enough that one filter of a wide bank shows at once. Where filters are long, sources that share work
// between the channels of a chunk (the network behind Hyena's filters) still get several at a time.
constexpr std::size_t chunkBytes = 4 << 20, largestChunkBytes = 64 << 20, fewest = 8;

}  // namespace

std::shared_ptr<const Filter> BankCache::filter(FilterId id, const Bank& bank, const FilterSource& source,
                                                const Task& task) {
  const auto length = static_cast<std::size_t>(bank.lengthSamples);
  const std::size_t filterBytes = length * sizeof(double);
  const std::size_t shared = std::clamp<std::size_t>(largestChunkBytes / filterBytes, 1, fewest);
  const std::size_t fitting = std::max(chunkBytes / filterBytes, shared);
  const int perChunk = static_cast<int>(std::min<std::size_t>(fitting, static_cast<std::size_t>(bank.channels)));
  const Key key{id.bank, id.channel / perChunk};
  const int first = key.second * perChunk;
  const auto within = static_cast<std::size_t>(id.channel - first);

  const std::shared_ptr<Entry> entry = entryFor(key);
  std::unique_lock lock(entry->mutex);
  while (entry->computing)
    if (entry->done.wait_for(lock, std::chrono::milliseconds(20)) == std::cv_status::timeout) task.throwIfStopped();
  if (!entry->chunk) {
    entry->computing = true;
    lock.unlock();
    // Whatever ends the computation, the next one may try.
    const std::shared_ptr<void> end(nullptr, [&](void*) {
      if (!lock.owns_lock()) lock.lock();
      entry->computing = false;
      entry->done.notify_all();
    });
    const auto count = static_cast<std::size_t>(std::min(perChunk, bank.channels - first));
    std::vector<double> taps(count * length), skips(count);
    source.evaluate(first, taps, skips, task);
    auto chunk = std::make_shared<Chunk>();
    for (std::size_t c = 0; c < count; ++c) {
      const FilterId each{id.bank, first + static_cast<int>(c)};
      const auto begin = taps.begin() + static_cast<std::ptrdiff_t>(c * length);
      chunk->push_back(std::make_shared<Filter>(Filter{
          each, filterName(bank, each.channel), {begin, begin + static_cast<std::ptrdiff_t>(length)}, skips[c]}));
    }
    lock.lock();
    entry->chunk = chunk;
    keep(key, entry, count * length * sizeof(double));
  }
  return (*entry->chunk)[within];
}

std::shared_ptr<BankCache::Entry> BankCache::entryFor(Key key) {
  const std::lock_guard lock(mutex);
  std::shared_ptr<Entry>& entry = entries[key];
  if (!entry) {
    entry = std::make_shared<Entry>();
    order.push_front(key);
    entry->place = order.begin();
  }
  order.splice(order.begin(), order, entry->place);
  return entry;
}

// Counts a computed chunk and drops old ones. A entry whose chunk is still being computed weighs nothing and stays.
void BankCache::keep(Key key, const std::shared_ptr<Entry>& entry, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  const auto known = entries.find(key);
  if (known == entries.end() || known->second != entry) return;
  entry->bytes = bytes;
  used += bytes;
  for (auto oldest = order.end(); used > capacity && oldest != order.begin();) {
    --oldest;
    const auto at = entries.find(*oldest);
    if (*oldest == key || at->second->bytes == 0) continue;
    used -= at->second->bytes;
    entries.erase(at);
    oldest = order.erase(oldest);
  }
}

std::string filterName(const Bank& bank, int channel) {
  std::string name = std::to_string(bank.layer) + ".";
  if (bank.operatorsInLayer > 1) name += std::to_string(bank.operatorIndex) + ".";
  return name + std::to_string(channel);
}

}  // namespace analysis
