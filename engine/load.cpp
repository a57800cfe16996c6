#include "engine/load.h"

#include <algorithm>

#include "engine/cpu/shortconvolution.h"
#include "engine/error.h"

namespace engine {
namespace {

std::size_t size(int count) { return static_cast<std::size_t>(count); }

// Reads weights by canonical key, checks their sizes, counts their bytes.
class Reader {
 public:
  Reader(const analysis::Checkpoint& checkpoint, const analysis::LanguageModel& description, Model::Weights& weights)
      : m_checkpoint(checkpoint), m_description(description), m_weights(weights) {}

  Buffer<float> values(const std::string& key, std::size_t count) {
    const std::vector<float> read = m_checkpoint.weights(key);
    if (read.size() != count)
      throw Error(ErrorKind::input, key,
                  "it holds " + std::to_string(read.size()) + " values where " + std::to_string(count) + " are needed",
                  "the file does not fit its own description; save it again");
    Buffer<float> buffer(count, m_weights.weightBytes);
    std::copy(read.begin(), read.end(), buffer.data());
    return buffer;
  }

  Linear linear(const std::string& prefix, int outputs, int inputs) {
    Linear layer = withoutBias(prefix, outputs, inputs);
    layer.bias = values(prefix + ".bias", size(outputs));
    return layer;
  }

  Linear withoutBias(const std::string& prefix, int outputs, int inputs) {
    Linear layer;
    layer.inputs = inputs;
    layer.outputs = outputs;
    layer.weight = values(prefix + ".weight", size(outputs) * size(inputs));
    return layer;
  }

  Norm layerNorm(const std::string& prefix) {
    Norm norm;
    norm.scale = values(prefix + ".weight", size(m_description.width));
    norm.shift = values(prefix + ".bias", size(m_description.width));
    return norm;
  }

  // Files store cross-correlation taps [channels, 1, K], oldest input first.
  ShortFilter shortFilter(const std::string& prefix, int channels, int taps) {
    const Buffer<float> stored = values(prefix + ".weight", size(channels) * size(taps));
    ShortFilter filter;
    filter.taps = taps;
    filter.channels = channels;
    Meter counted = 0;  // `stored` was
    filter.weight = Buffer<float>(stored.size(), counted);
    for (std::size_t c = 0; c < size(channels); ++c)
      for (std::size_t lag = 0; lag < size(taps); ++lag)
        filter.weight[lag * size(channels) + c] = stored[(c + 1) * size(taps) - 1 - lag];
    filter.bias = values(prefix + ".bias", size(channels));
    return filter;
  }

 private:
  const analysis::Checkpoint& m_checkpoint;
  const analysis::LanguageModel& m_description;
  Model::Weights& m_weights;
};

Block hyenaBlock(Reader& reader, const analysis::LanguageModel& description,
                 const analysis::BlockDescription& block) {
  const int width = description.width, streams = (description.hyenaOrder + 1) * width;
  ConvolutionOperator op;
  op.norm = reader.layerNorm(block.prefix + ".norm1");
  op.in = reader.linear(block.prefix + ".mixer.in_proj", streams, width);
  op.shortFilter = reader.shortFilter(block.prefix + ".mixer.short_filter", streams, description.shortFilterTaps);
  op.out = reader.linear(block.prefix + ".mixer.out_proj", width, width);
  op.banks = block.banks;
  Block result;
  result.kind = BlockShape::Kind::hyena;
  result.operators.push_back(std::move(op));
  result.mlp.norm = reader.layerNorm(block.prefix + ".norm2");
  result.mlp.in = reader.linear(block.prefix + ".mlp.fc1", description.innerWidth, width);
  result.mlp.out = reader.linear(block.prefix + ".mlp.fc2", width, description.innerWidth);
  return result;
}

FilterBank filterBank(const analysis::Checkpoint& checkpoint, int index, const analysis::Task& task) {
  const analysis::Bank& bank = checkpoint.banks()[size(index)];
  FilterBank filters;
  filters.path = bank.path;
  filters.channels = bank.channels;
  filters.length = bank.lengthSamples;
  Meter counted = 0;  // sessions count the tables that they use
  const std::size_t length = size(bank.lengthSamples);
  filters.reversed = Buffer<float>(size(bank.channels) * length, counted);
  filters.skip = Buffer<float>(size(bank.channels), counted);
  for (int c = 0; c < bank.channels; ++c) {
    const auto filter = checkpoint.filter({index, c}, task);
    if (filter->taps.size() != length)
      throw Error(ErrorKind::input, "filter " + filter->name, "its length differs from that of its bank",
                  "open the file again");
    float* newest = filters.reversed.data() + (size(c) + 1) * length - 1;
    for (std::size_t t = 0; t < length; ++t)
      newest[-static_cast<std::ptrdiff_t>(t)] = static_cast<float>(filter->taps[t]);
    filters.skip[size(c)] = static_cast<float>(filter->skip);
  }
  return filters;
}

void check(const analysis::LanguageModel& description) {
  const auto refuse = [](const std::string& problem) {
    throw Error(ErrorKind::unsupported, "language model", problem, "inspect and distil its filters instead");
  };
  if (description.width < 1 || description.innerWidth < 1 || description.vocabularyPadded < 1 ||
      description.vocabularySize < 1 || description.vocabularySize > description.vocabularyPadded)
    refuse("its sizes are incomplete");
  if (description.hyenaOrder < 2 || description.hyenaOrder > 16) refuse("its Hyena order is not from 2 to 16");
  if (description.shortFilterTaps < 1 || description.shortFilterTaps > cpu::ShortConvolution::maxTaps)
    refuse("its short filters have " + std::to_string(description.shortFilterTaps) + " taps");
  for (const analysis::BlockDescription& block : description.blocks)
    if (block.mixer != analysis::MixerKind::hyena) refuse("the engine cannot run the layer " + block.prefix + " yet");
}

}  // namespace

std::shared_ptr<const Model::Weights> loadWeights(const analysis::Checkpoint& checkpoint,
                                                  const analysis::LanguageModel& description,
                                                  const analysis::Task& task) {
  check(description);
  auto weights = std::make_shared<Model::Weights>();
  weights->family = description.family;
  weights->width = description.width;
  weights->vocabulary = description.vocabularyPadded;
  weights->vocabularySize = description.vocabularySize;
  weights->heads = description.heads;
  weights->positionCount = description.positions;
  Reader reader(checkpoint, description, *weights);
  weights->embedding =
      reader.withoutBias("embeddings.word_embeddings", description.vocabularyPadded, description.width);
  if (description.positions > 0)
    weights->positions = reader.values("embeddings.position_embeddings.weight",
                                       size(description.positions) * size(description.width));
  if (!description.tiedHead)
    weights->head = reader.withoutBias("lm_head", description.vocabularyPadded, description.width);
  weights->finalNorm = reader.layerNorm("ln_f");

  const double steps = static_cast<double>(description.blocks.size() + checkpoint.banks().size());
  for (const analysis::BlockDescription& block : description.blocks) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size()) / steps, "reading weights");
    weights->blocks.push_back(hyenaBlock(reader, description, block));
    const std::size_t banks = weights->blocks.back().operators[0].banks.size();
    if (banks + 1 != size(description.hyenaOrder))
      throw Error(ErrorKind::input, block.prefix, "its long filters do not fit its order", "open the file again");
  }
  for (int bank = 0; bank < static_cast<int>(checkpoint.banks().size()); ++bank) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size() + size(bank)) / steps, "evaluating filters");
    weights->filters.push_back(filterBank(checkpoint, bank, task));
  }
  for (const Block& block : weights->blocks)
    for (const ConvolutionOperator& op : block.operators)
      for (const int bank : op.banks)
        if (bank < 0 || size(bank) >= weights->filters.size() || weights->filters[size(bank)].channels != weights->width)
          throw Error(ErrorKind::input, "layer with bank " + std::to_string(bank),
                      "the number of its filters differs from the model's width", "open the file again");
  return weights;
}

}  // namespace engine
