// Weights of a checkpoint by canonical key: sizes checked, bytes counted, rows in the engine's order. Internal to
// engine.
#pragma once

#include <functional>
#include <string>

#include "analysis/checkpoint/checkpoint.h"
#include "engine/weights.h"

namespace engine {

class WeightReader {
 public:
  WeightReader(const analysis::Checkpoint& checkpoint, const analysis::LanguageModel& description,
               Model::Weights& weights, WeightType type)
      : m_checkpoint(checkpoint), m_description(description), m_weights(weights), m_type(type) {}

  // Row r of the result is stored row order(r); empty: as stored.
  using Order = std::function<int(int)>;

  const analysis::LanguageModel& description() const { return m_description; }
  bool has(const std::string& key) const { return m_checkpoint.hasWeights(key); }
  // Throws Error(input) when the number of values is another one.
  Buffer<float> values(const std::string& key, std::size_t count);
  // prefix.weight, and prefix.bias where `bias` says so or, for `optional`, where it is there.
  enum class Bias { none, needed, optional };
  Linear linear(const std::string& prefix, int outputs, int inputs, Bias = Bias::needed, const Order& = {});
  // Several layers of the same inputs as one, rows after rows.
  Linear stacked(const std::vector<std::string>& prefixes, int outputsEach, int inputs, Bias);
  Norm layerNorm(const std::string& prefix);
  // scale alone; epsilon below the root unless `outside`.
  Norm rmsNorm(const std::string& key, float eps, bool outside);
  // Files store cross-correlation taps [channels, 1, K], oldest input first; `biasKey` empty or absent: zeros.
  ShortFilter shortFilter(const std::string& weightKey, const std::string& biasKey, int channels, int taps,
                          const Order& = {});
  // One tap of 1: for operators without a short filter.
  ShortFilter identityFilter(int channels);

 private:
  Linear counted(const Buffer<float>& weight, Buffer<float> bias, int outputs, int inputs);

  const analysis::Checkpoint& m_checkpoint;
  const analysis::LanguageModel& m_description;
  Model::Weights& m_weights;
  WeightType m_type;
};

}  // namespace engine
