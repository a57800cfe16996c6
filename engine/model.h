// A language model in memory: float32 weights shared by every session, and per-filter tables of each mode.
#pragma once

#include <memory>
#include <string>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"
#include "analysis/task.h"
#include "engine/shape.h"
#include "engine/workload.h"

namespace engine {

// Of linear layers and the embedding; norms, biases and filters stay float32, and so does all arithmetic.
enum class WeightType { float32, bfloat16 };

// Immutable and thread-safe; hold it by shared_ptr. Copies made by withDistilled share the weights.
class Model {
 public:
  // Reads all weights and evaluates all filters: O(bytes of the file). Throws analysis::Error or engine::Error.
  // bfloat16 halves the memory and the traffic of the weights.
  static std::shared_ptr<const Model> load(const std::shared_ptr<const analysis::Checkpoint>&, const analysis::Task& = {},
                                           WeightType = WeightType::float32);
  ~Model();

  // The same weights with these state-space models in place of the filters (for Mixer::modal, and for
  // Mixer::convolutionLazy of the distilled impulse responses h^). Filters without a model keep their taps as an exact
  // convolution. Throws engine::Error(input) when banks or channel counts differ.
  std::shared_ptr<const Model> withDistilled(const analysis::Distilled&) const;

  const Shape& shape() const;
  const std::string& family() const;
  int vocabularySize() const;        // ids that may be sampled
  int trainingLengthTokens() const;  // beyond it the filters have ended (Hyena) or positions are missing (GPT)
  bool distilled() const;

  struct Weights;
  struct Distillation;
  const Weights& weights() const;  // internal to engine
  // Internal to engine: weights that were made here, undistilled.
  static std::shared_ptr<const Model> assemble(std::shared_ptr<const Weights>, const Shape&, int trainingLengthTokens);
  const Distillation* distillation() const;  // internal to engine; nullptr unless distilled()

 private:
  struct Parts;
  explicit Model(std::shared_ptr<const Parts>);
  std::shared_ptr<const Parts> m_parts;
};

}  // namespace engine
