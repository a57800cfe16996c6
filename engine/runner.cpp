#include "engine/runner.h"

#include <algorithm>
#include <string>

#include "engine/cpu/blocked.h"
#include "engine/error.h"

namespace engine {
namespace {

[[noreturn]] void unsupported(const std::string& mode, const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::unsupported, "mode " + mode, problem, advice);
}

}  // namespace

void checkMode(const Model& model, const Mode& mode) {
  const std::string mixer(name(mode.mixer));
  const auto& blocks = model.shape().blocks;
  const bool convolves = std::any_of(blocks.begin(), blocks.end(),
                                     [](const BlockShape& block) { return block.kind != BlockShape::Kind::attention; });
  if (mode.mixer == Mixer::attention && convolves)
    unsupported(mixer, "this model has long convolutions", "choose convolution or modal");
  if (mode.mixer != Mixer::attention && !convolves)
    unsupported(mixer, "this model has attention layers only", "choose attention");
  if (recurrent(mode.mixer) && !model.distilled())
    unsupported(mixer, "the model's filters are not distilled", "distil them first, or choose convolution");
  const bool heads = std::any_of(blocks.begin(), blocks.end(),
                                 [](const BlockShape& block) { return block.kind == BlockShape::Kind::multiHyena; });
  if (mode.mixer == Mixer::modalBlocked && (mode.blockLength < 1 || mode.blockLength > cpu::BlockTable::maxLength))
    unsupported(mixer, "blocks of " + std::to_string(mode.blockLength) + " tokens were asked for",
                "use 1 to " + std::to_string(cpu::BlockTable::maxLength));
  const auto ways = prefillWays(mode.mixer, heads);
  if (mode.prefill == Prefill::automatic || std::find(ways.begin(), ways.end(), mode.prefill) != ways.end()) return;
  std::string known;
  for (const Prefill& way : ways) known += std::string(name(way)) + (&way == &ways.back() ? " " : ", ");
  unsupported(mixer + (heads ? " of a MultiHyena model" : ""),
              "it cannot be combined with prefill by " + std::string(name(mode.prefill)),
              "choose " + known + "or automatic");
}

}  // namespace engine
