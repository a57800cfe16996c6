#include "engine/model.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/headmemory.h"
#include "engine/error.h"
#include "engine/load.h"
#include "engine/tables.h"

namespace engine {
namespace {

// What modal tables add to the shape of the blocks they belong to.
void addDistillation(Shape& shape, const Model::Weights& weights, const Model::Distillation& distillation) {
  shape.distilled = true;
  for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
    BlockShape& block = shape.blocks[i];
    std::size_t first = 0;  // of the block's banks
    for (const ConvolutionOperator& op : weights.blocks[i].operators) {
      for (const int& bank : op.banks) {
        const ModalTable& table = distillation.modal[static_cast<std::size_t>(bank)];
        block.keptFilters += static_cast<int>(table.kept.size());
        block.banks[static_cast<std::size_t>(&bank - op.banks.data()) + first].kept =
            static_cast<int>(table.kept.size());
        block.stateFloats += static_cast<long long>(block.kind == BlockShape::Kind::multiHyena
                                                        ? cpu::HeadRecurrence::stateFloats(table, shape.headWidth)
                                                        : table.stateFloats);
        block.places += static_cast<int>(table.order.size());
        block.tableFloats +=
            static_cast<long long>(table.order.size() + table.direct.size() + table.coefficients.size());
        for (const auto& filter : distillation.banks[static_cast<std::size_t>(bank)].filters) {
          if (!filter) continue;
          block.states += filter->model.order();
          block.modes += filter->model.complexModes();
        }
      }
      first += op.banks.size();
    }
  }
}

std::size_t valuesOf(const Linear& layer) {
  return layer.weight.size() + layer.half.size();
}

// What the weights are, where a shape alone could only suppose it.
void countWeights(Shape& shape, const Model::Weights& weights) {
  const auto norm = [](const Norm& n) { return n.scale.size() + n.shift.size(); };
  shape.halfWeights = weights.type == WeightType::bfloat16;
  shape.matrixValues = static_cast<long long>(valuesOf(weights.embedding)) + static_cast<long long>(valuesOf(weights.head));
  shape.otherValues = static_cast<long long>(weights.positions.size()) + static_cast<long long>(norm(weights.finalNorm));
  for (std::size_t i = 0; i < shape.blocks.size(); ++i) {
    const Block& from = weights.blocks[i];
    BlockShape& to = shape.blocks[i];
    std::size_t matrices = valuesOf(from.mlp.in) + valuesOf(from.mlp.out);
    std::size_t others = from.mlp.in.bias.size() + from.mlp.out.bias.size() + norm(from.mlp.norm);
    to.hiddenWidth = from.mlp.in.outputs;
    to.parallel = from.parallel;
    to.banks.clear();
    to.filters = 0;
    for (const ConvolutionOperator& op : from.operators) {
      matrices += valuesOf(op.in) + valuesOf(op.out);
      others += op.in.bias.size() + op.out.bias.size() + norm(op.norm) + norm(op.innerNorm) +
                op.shortFilter.weight.size() + op.shortFilter.bias.size();
      to.streamWidth = std::max(to.streamWidth, op.in.outputs);
      for (const int bank : op.banks) {
        const FilterBank& filters = weights.filters[static_cast<std::size_t>(bank)];
        to.banks.push_back({filters.channels, filters.length, 0});
        to.filters += filters.channels;
      }
    }
    for (const Attention& attention : from.attention) {
      matrices += valuesOf(attention.qkv) + valuesOf(attention.out);
      others += attention.qkv.bias.size() + attention.out.bias.size() + norm(attention.norm);
      to.streamWidth = std::max(to.streamWidth, attention.qkv.outputs);
      to.keyValueWidth = (attention.qkv.outputs - attention.out.inputs) / 2;
    }
    to.matrixValues = static_cast<long long>(matrices);
    to.otherValues = static_cast<long long>(others);
  }
}

Shape originalShape(const analysis::LanguageModel& description, const Model::Weights& weights) {
  Shape shape;
  shape.layers = static_cast<int>(weights.blocks.size());
  shape.width = description.width;
  shape.innerWidth = description.innerWidth;
  shape.vocabulary = description.vocabularyPadded;
  shape.positions = description.positions;
  shape.tiedHead = description.tiedHead;
  shape.shortFilterTaps = description.shortFilterTaps;
  shape.hyenaOrder = description.hyenaOrder;
  shape.heads = description.heads;
  const bool multi = std::any_of(weights.blocks.begin(), weights.blocks.end(),
                                 [](const Block& block) { return block.kind == BlockShape::Kind::multiHyena; });
  if (multi) shape.headWidth = description.width / description.heads;
  for (const Block& block : weights.blocks) {
    BlockShape& blockShape = shape.blocks.emplace_back();
    blockShape.kind = block.kind;
    for (const ConvolutionOperator& op : block.operators)
      for (const int bank : op.banks) {
        const FilterBank& filters = weights.filters[static_cast<std::size_t>(bank)];
        shape.filterLengthTokens = std::max(shape.filterLengthTokens, filters.length);
      }
  }
  return shape;
}

}  // namespace

struct Model::Parts {
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<const Distillation> distillation;
  Shape shape;
  int trainingLengthTokens = 0;
};

Model::Model(std::shared_ptr<const Parts> parts) : m_parts(std::move(parts)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::load(const std::shared_ptr<const analysis::Checkpoint>& checkpoint,
                                         const analysis::Task& task, WeightType type) {
  const analysis::LanguageModel* description = checkpoint->languageModel();
  if (!description)
    throw Error(ErrorKind::unsupported, checkpoint->report().family,
                "this checkpoint holds filters but no complete language model", "open one with embeddings and blocks");
  const auto weights = loadWeights(*checkpoint, *description, task, type);
  task.report(1, "ready");
  return assemble(weights, originalShape(*description, *weights), description->trainingLengthTokens);
}

std::shared_ptr<const Model> Model::assemble(std::shared_ptr<const Weights> weights, const Shape& shape,
                                             int trainingLengthTokens) {
  auto parts = std::make_shared<Parts>();
  parts->weights = std::move(weights);
  parts->shape = shape;
  countWeights(parts->shape, *parts->weights);
  parts->trainingLengthTokens = trainingLengthTokens;
  return std::shared_ptr<const Model>(new Model(std::move(parts)));
}

std::shared_ptr<const Model> Model::withDistilled(const analysis::Distilled& distilled) const {
  auto distillation = std::make_shared<Distillation>();
  for (const FilterBank& filters : m_parts->weights->filters) {
    const analysis::DistilledBank* found = nullptr;
    for (const analysis::DistilledBank& bank : distilled.banks)
      if (bank.path == filters.path) found = &bank;
    if (!found)
      throw Error(ErrorKind::input, filters.path, "the distilled file has no such bank",
                  "use models made from this checkpoint");
    const int stored = filters.channels / filters.sharedBy;
    if (found->filters.size() != static_cast<std::size_t>(stored))
      throw Error(ErrorKind::input, filters.path,
                  "the distilled file has " + std::to_string(found->filters.size()) + " channels where the model has " +
                      std::to_string(stored),
                  "use models made from this checkpoint");
    analysis::DistilledBank& bank = distillation->banks.emplace_back();
    bank.path = found->path;
    for (int c = 0; c < filters.channels; ++c)
      bank.filters.push_back(found->filters[static_cast<std::size_t>(c / filters.sharedBy)]);
    distillation->modal.push_back(modalTable(filters, bank));
  }
  if (distilled.banks.size() != distillation->banks.size())
    throw Error(ErrorKind::input, "distilled model", "it has banks that the model lacks",
                "use models made from this checkpoint");
  auto parts = std::make_shared<Parts>();
  parts->weights = m_parts->weights;
  parts->shape = m_parts->shape;
  if (parts->shape.distilled)  // from the original's shape, whatever stood here before
    for (BlockShape& block : parts->shape.blocks) {
      const BlockShape::Kind kind = block.kind;
      block = {};
      block.kind = kind;
    }
  countWeights(parts->shape, *parts->weights);
  parts->trainingLengthTokens = m_parts->trainingLengthTokens;
  addDistillation(parts->shape, *parts->weights, *distillation);
  parts->distillation = std::move(distillation);
  return std::shared_ptr<const Model>(new Model(std::move(parts)));
}

const Shape& Model::shape() const {
  return m_parts->shape;
}
const std::string& Model::family() const {
  return m_parts->weights->family;
}
int Model::vocabularySize() const {
  return m_parts->weights->vocabularySize;
}
int Model::trainingLengthTokens() const {
  return m_parts->trainingLengthTokens;
}
bool Model::distilled() const {
  return m_parts->distillation != nullptr;
}
const Model::Weights& Model::weights() const {
  return *m_parts->weights;
}
const Model::Distillation* Model::distillation() const {
  return m_parts->distillation.get();
}

}  // namespace engine
