#include "app/forecast.h"

#include <algorithm>
#include <span>

#include "analysis/checkpoint/languagemodel.h"
#include "engine/footprint.h"
#include "engine/tables.h"

namespace app {

namespace {

using engine::ModalTable;

std::optional<engine::BlockShape::Kind> kindOf(analysis::MixerKind mixer) {
  switch (mixer) {
    case analysis::MixerKind::hyena:
      return engine::BlockShape::Kind::hyena;
    case analysis::MixerKind::multiHyena:
      return engine::BlockShape::Kind::multiHyena;
    case analysis::MixerKind::attention:
      return engine::BlockShape::Kind::attention;
    case analysis::MixerKind::h3:
      return std::nullopt;
  }
  return std::nullopt;
}

// Groups of filters share the room of their largest, as in the engine's tables; in nearly every group one fit has two
// real poles, which take a place of their own. A head keeps a state for every pair of
// its inputs, and none in the places that fill up the last group.
void addStates(engine::BlockShape& block, std::span<const int> orders, int headWidth) {
  std::vector<int> modes;  // how many filters have so many
  for (const int order : orders) {
    const auto pairs = static_cast<std::size_t>(order + 1) / 2;
    if (modes.size() <= pairs) modes.resize(pairs + 1);
    ++modes[pairs];
    block.states += order;
    block.modes += static_cast<int>(pairs);
  }
  const int count = static_cast<int>(orders.size());
  int pairs = static_cast<int>(modes.size()) - 1, larger = 0;  // filters with more modes than `pairs`
  for (int first = 0; first < count; first += ModalTable::groupSize) {
    while (larger + modes[static_cast<std::size_t>(pairs)] <= first) larger += modes[static_cast<std::size_t>(pairs--)];
    const bool heads = block.kind == engine::BlockShape::Kind::multiHyena;
    const int used = heads ? std::min(count - first, ModalTable::groupSize) : ModalTable::groupSize;
    block.stateFloats += 2LL * (pairs + 1) * used * (heads ? headWidth * headWidth : 1);
    block.places += ModalTable::groupSize;
    block.tableFloats += static_cast<long long>(ModalTable::groupSize) * (2 + pairs * ModalTable::rowsPerPair + 2 * ModalTable::rowsPerReal);
  }
}

}  // namespace

std::optional<engine::Shape> plannedShape(const analysis::Checkpoint& checkpoint, const std::vector<int>& orders) {
  const analysis::LanguageModel* model = checkpoint.languageModel();
  if (!model) return std::nullopt;
  engine::Shape shape;
  shape.layers = static_cast<int>(model->blocks.size());
  shape.width = model->width;
  shape.innerWidth = model->innerWidth;
  shape.vocabulary = model->vocabularyPadded;
  shape.positions = model->positions;
  shape.tiedHead = model->tiedHead;
  shape.distilled = true;
  shape.shortFilterTaps = model->shortFilterTaps;
  shape.hyenaOrder = model->hyenaOrder;
  shape.heads = model->heads;
  std::vector<int> starts{0};
  for (const analysis::Bank& bank : checkpoint.banks()) starts.push_back(starts.back() + bank.channels);
  for (const analysis::BlockDescription& description : model->blocks) {
    const auto kind = kindOf(description.mixer);
    if (!kind) return std::nullopt;
    if (*kind == engine::BlockShape::Kind::multiHyena) shape.headWidth = model->width / model->heads;
    engine::BlockShape& block = shape.blocks.emplace_back();
    block.kind = *kind;
    for (const int index : description.banks) {
      const analysis::Bank& bank = checkpoint.banks()[static_cast<std::size_t>(index)];
      block.filters += bank.channels;
      block.banks.push_back({bank.channels, bank.lengthSamples, 0});
      shape.filterLengthTokens = std::max(shape.filterLengthTokens, bank.lengthSamples);
      addStates(block,
                std::span(orders).subspan(static_cast<std::size_t>(starts[static_cast<std::size_t>(index)]),
                                          static_cast<std::size_t>(bank.channels)),
                shape.headWidth);
    }
  }
  return shape;
}

std::optional<double> forecastSpeedUp(const analysis::Checkpoint& checkpoint, const std::vector<int>& orders,
                                      int position) {
  const auto planned = plannedShape(checkpoint, orders);
  if (!planned) return std::nullopt;
  engine::Shape original = *planned;
  original.distilled = false;
  const auto bytes = [position](const engine::Shape& shape, engine::Mixer mixer) {
    engine::Workload workload;
    workload.mode.mixer = mixer;
    workload.capacityTokens = 2 * position;  // a footprint is of half the capacity
    const engine::Footprint print = engine::footprint(shape, workload, 1);
    return static_cast<double>(print.weightBytes) + print.movedBytesPerToken;
  };
  return bytes(original, engine::Mixer::convolutionLazy) / bytes(*planned, engine::Mixer::modal);
}

}  // namespace app
