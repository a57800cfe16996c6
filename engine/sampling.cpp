#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/error.h"

namespace engine {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
    key[0] += 0x9E3779B9;  // golden ratio, sqrt(3) - 1: the Weyl sequence of the key
    key[1] += 0xBB67AE85;
  }
  return counter;
}

namespace {

std::array<std::uint32_t, 4> words(std::uint64_t seed, int sequence, int position, int quarter) {
  return philox({static_cast<std::uint32_t>(quarter), static_cast<std::uint32_t>(position),
                 static_cast<std::uint32_t>(sequence), 0},
                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

// Centre of one of 2^32 equal cells: never 0 or 1, so both logarithms of the Gumbel variate are finite.
double uniform(std::uint32_t word) {
  return (word + 0.5) * 0x1p-32;
}

struct Candidate {
  double logit;  // after temperature
  int id;
};

// Largest logit first; equal logits: lowest id first.
bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// The smallest set of most likely candidates whose probabilities reach p.
void keepNucleus(std::vector<Candidate>& candidates, double p) {
  std::sort(candidates.begin(), candidates.end(), likelier);
  double total = 0;
  for (const Candidate& c : candidates) total += std::exp(c.logit - candidates.front().logit);
  double sum = 0;
  std::size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < p * total)) {
    sum += std::exp(candidates[kept].logit - candidates.front().logit);
    ++kept;
  }
  candidates.resize(kept);
}

}  // namespace

double noise(std::uint64_t seed, int sequence, int position, int id) {
  return uniform(words(seed, sequence, position, id / 4)[static_cast<std::size_t>(id % 4)]);
}

Token sample(std::span<const float> logits, int vocabularySize, const Sampling& sampling, std::uint64_t seed,
             int sequence, int position) {
  if (vocabularySize < 1 || static_cast<std::size_t>(vocabularySize) > logits.size())
    throw Error(ErrorKind::input, "sampling", "the vocabulary does not fit the logits", "pass one logit per id");
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature) || sampling.topK < 0 ||
      !(sampling.topP > 0 && sampling.topP <= 1))
    throw Error(ErrorKind::input, "sampling", "temperature, top-k or top-p is out of range",
                "use temperature >= 0, top-k >= 0 and 0 < top-p <= 1");
  logits = logits.first(static_cast<std::size_t>(vocabularySize));
  int best = 0;
  for (int id = 0; id < vocabularySize; ++id) {
    const float logit = logits[static_cast<std::size_t>(id)];
    if (!std::isfinite(logit))
      throw Error(
          ErrorKind::input, "sampling",
          "the model's logit of id " + std::to_string(id) + " is not finite at position " + std::to_string(position),
          "check the weights and the distilled filters for NaN, Inf or unstable poles");
    if (logit > logits[static_cast<std::size_t>(best)]) best = id;
  }
  if (sampling.temperature == 0) return best;

  std::vector<Candidate> candidates(logits.size());
  for (int id = 0; id < vocabularySize; ++id)
    candidates[static_cast<std::size_t>(id)] = {logits[static_cast<std::size_t>(id)] / sampling.temperature, id};
  if (sampling.topK > 0 && sampling.topK < vocabularySize) {
    std::nth_element(candidates.begin(), candidates.begin() + (sampling.topK - 1), candidates.end(), likelier);
    candidates.resize(static_cast<std::size_t>(sampling.topK));
  }
  if (sampling.topP < 1) keepNucleus(candidates, sampling.topP);

  // Ascending ids, so that one Philox block serves four neighbours and ties fall to the lowest id.
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  std::array<std::uint32_t, 4> block{};
  int blockIndex = -1;
  const Candidate* winner = nullptr;
  double winningScore = 0;
  for (const Candidate& c : candidates) {
    if (c.id / 4 != blockIndex) {
      blockIndex = c.id / 4;
      block = words(seed, sequence, position, blockIndex);
    }
    const double score = c.logit - std::log(-std::log(uniform(block[static_cast<std::size_t>(c.id % 4)])));
    if (!winner || score > winningScore) {
      winner = &c;
      winningScore = score;
    }
  }
  return winner->id;
}

}  // namespace engine
