// Language models of published sizes with random weights: their text is noise, their speed and memory are real.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/model.h"

namespace engine {

struct Preset {
  std::string_view name;  // "125m"
  int layers = 0, width = 0;
};

// 125m, 355m, 1.3b, 6.9b: MLP four times as wide, 50304 tokens, filters of 2048 taps.
std::span<const Preset> presets();

struct RandomModel {
  std::shared_ptr<const Model> original;   // Hyena of order 2, or MultiHyena
  std::shared_ptr<const Model> distilled;  // the same filters as state-space models: exact on the first 2048 tokens
};

// Where the matrices come to be. device: each GPU makes them in its own memory, the same numbers; the CPU cannot run
// such a model.
enum class Residence { host, device };

// The same numbers for the same arguments. order: real states per filter, even, 2 to 256. vocabulary 0: the preset's.
// Throws Error(input) for an unknown name or order, Error(memory) before allocating what does not fit.
// headWidth above 1: MultiHyena with heads of that many channels, which must divide the width; its gated MLP is 4/3 as
// wide as the model, so that a block has as many weights as one of plain Hyena. About a second per 100 million weights.
RandomModel randomModel(std::string_view preset, int order, std::uint64_t seed = 1, int vocabulary = 0,
                        WeightType = WeightType::float32, Residence = Residence::host, int headWidth = 1);

// A Transformer of the same shape: heads of 64, no positions (they cost nothing), the same frame.
std::shared_ptr<const Model> randomTransformer(std::string_view preset, std::uint64_t seed = 1, int vocabulary = 0,
                                               WeightType = WeightType::float32, Residence = Residence::host);

}  // namespace engine
