#include "engine/load.h"

#include <algorithm>

#include "engine/cpu/shortconvolution.h"
#include "engine/error.h"

namespace engine {
namespace {

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

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

  // Rows of the stored layer in another order: row r of the result is stored row order(r).
  template <class Order>
  Linear reordered(const std::string& prefix, int outputs, int inputs, Order order) {
    const Linear stored = linear(prefix, outputs, inputs);
    Meter counted = 0;  // `stored` was
    Linear layer{inputs, outputs, Buffer<float>(stored.weight.size(), counted), Buffer<float>(size(outputs), counted)};
    for (int row = 0; row < outputs; ++row) {
      std::copy_n(stored.weight.data() + size(order(row)) * size(inputs), inputs,
                  layer.weight.data() + size(row) * size(inputs));
      layer.bias[size(row)] = stored.bias[size(order(row))];
    }
    return layer;
  }

  Norm rmsNorm(const std::string& prefix) {
    Norm norm;
    norm.scale = values(prefix + ".weight", size(m_description.width));
    norm.eps = 1e-6F;
    return norm;
  }

  Norm layerNorm(const std::string& prefix) {
    Norm norm;
    norm.scale = values(prefix + ".weight", size(m_description.width));
    norm.shift = values(prefix + ".bias", size(m_description.width));
    return norm;
  }

  // Files store cross-correlation taps [channels, 1, K], oldest input first.
  // Channel c of the result is stored channel order(c).
  template <class Order>
  ShortFilter shortFilter(const std::string& prefix, int channels, int taps, Order order) {
    const Buffer<float> stored = values(prefix + ".weight", size(channels) * size(taps));
    ShortFilter filter;
    filter.taps = taps;
    filter.channels = channels;
    Meter counted = 0;  // `stored` was
    filter.weight = Buffer<float>(stored.size(), counted);
    for (std::size_t c = 0; c < size(channels); ++c)
      for (std::size_t lag = 0; lag < size(taps); ++lag)
        filter.weight[lag * size(channels) + c] = stored[(size(order(static_cast<int>(c))) + 1) * size(taps) - 1 - lag];
    const Buffer<float> bias = values(prefix + ".bias", size(channels));
    filter.bias = Buffer<float>(bias.size(), counted);
    for (int c = 0; c < channels; ++c) filter.bias[size(c)] = bias[size(order(c))];
    return filter;
  }

 private:
  const analysis::Checkpoint& m_checkpoint;
  const analysis::LanguageModel& m_description;
  Model::Weights& m_weights;
};

Mlp geluMlp(Reader& reader, const analysis::LanguageModel& description, const std::string& prefix) {
  Mlp mlp;
  mlp.norm = reader.layerNorm(prefix + ".norm2");
  mlp.in = reader.linear(prefix + ".mlp.fc1", description.innerWidth, description.width);
  mlp.out = reader.linear(prefix + ".mlp.fc2", description.width, description.innerWidth);
  return mlp;
}

Block hyenaBlock(Reader& reader, const analysis::LanguageModel& description, const analysis::BlockDescription& block) {
  const int width = description.width, streams = (description.hyenaOrder + 1) * width;
  ConvolutionOperator op;
  op.norm = reader.layerNorm(block.prefix + ".norm1");
  op.in = reader.linear(block.prefix + ".mixer.in_proj", streams, width);
  op.shortFilter = reader.shortFilter(block.prefix + ".mixer.short_filter", streams, description.shortFilterTaps,
                                      [](int channel) { return channel; });
  op.out = reader.linear(block.prefix + ".mixer.out_proj", width, width);
  op.banks = block.banks;
  Block result;
  result.operators.push_back(std::move(op));
  result.mlp = geluMlp(reader, description, block.prefix);
  return result;
}

Block attentionBlock(Reader& reader, const analysis::LanguageModel& description,
                     const analysis::BlockDescription& block) {
  Attention attention;
  attention.norm = reader.layerNorm(block.prefix + ".norm1");
  attention.qkv = reader.linear(block.prefix + ".mixer.Wqkv", 3 * description.width, description.width);
  attention.out = reader.linear(block.prefix + ".mixer.out_proj", description.width, description.width);
  attention.heads = description.heads;
  Block result;
  result.kind = BlockShape::Kind::attention;
  result.attention.push_back(std::move(attention));
  result.mlp = geluMlp(reader, description, block.prefix);
  return result;
}

Block multiHyenaBlock(Reader& reader, const analysis::LanguageModel& description,
                      const analysis::BlockDescription& block) {
  const int width = description.width, headWidth = width / description.heads;
  // Stored head after head, each with its x0, x1, v; computed stream after stream, each with all heads.
  const auto order = [=](int row) {
    const int stream = row / width, head = row % width / headWidth, inside = row % headWidth;
    return head * 3 * headWidth + stream * headWidth + inside;
  };
  Block result;
  result.kind = BlockShape::Kind::multiHyena;
  for (int index = 0; index < 2; ++index) {
    const std::string prefix = block.prefix + (index == 0 ? ".model" : ".model2");
    ConvolutionOperator op;
    op.norm = reader.rmsNorm(block.prefix + (index == 0 ? ".norm1" : ".norm2"));
    op.in = reader.reordered(prefix + ".in_proj", 3 * width, width, order);
    op.shortFilter = reader.shortFilter(prefix + ".short_filter", 3 * width, description.shortFilterTaps, order);
    op.innerNorm = reader.rmsNorm(prefix + ".norm");
    op.out = reader.linear(prefix + ".out_proj", width, width);
    op.banks = {block.banks.at(size(index))};
    result.operators.push_back(std::move(op));
  }
  result.mlp.gated = true;
  result.mlp.norm = reader.rmsNorm(block.prefix + ".norm3");
  result.mlp.in = reader.linear(block.prefix + ".l1", 2 * description.innerWidth, width);
  result.mlp.out = reader.linear(block.prefix + ".l2", width, description.innerWidth);
  return result;
}

Block readBlock(Reader& reader, const analysis::LanguageModel& description, const analysis::BlockDescription& block) {
  switch (block.mixer) {
    case analysis::MixerKind::hyena:
      return hyenaBlock(reader, description, block);
    case analysis::MixerKind::multiHyena:
      return multiHyenaBlock(reader, description, block);
    case analysis::MixerKind::attention:
      return attentionBlock(reader, description, block);
  }
  throw Error(ErrorKind::unsupported, block.prefix, "its kind of mixer is not known", "use a newer version");
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

void check(const analysis::Checkpoint& checkpoint, const analysis::LanguageModel& description) {
  const auto refuse = [](const std::string& problem) {
    throw Error(ErrorKind::unsupported, "language model", problem, "inspect and distil its filters instead");
  };
  if (description.width < 1 || description.innerWidth < 1 || description.vocabularyPadded < 1 ||
      description.vocabularySize < 1 || description.vocabularySize > description.vocabularyPadded)
    refuse("its sizes are incomplete");
  if (description.hyenaOrder < 2 || description.hyenaOrder > 16) refuse("its Hyena order is not from 2 to 16");
  if (description.shortFilterTaps < 1 || description.shortFilterTaps > cpu::ShortConvolution::maxTaps)
    refuse("its short filters have " + std::to_string(description.shortFilterTaps) + " taps");
  for (const analysis::BlockDescription& block : description.blocks) {
    const bool heads = block.mixer != analysis::MixerKind::hyena;
    if (heads && (description.heads < 1 || description.width % description.heads != 0))
      refuse("its width of " + std::to_string(description.width) + " is not divided by its " +
             std::to_string(description.heads) + " heads");
    const std::size_t banks = block.mixer == analysis::MixerKind::hyena        ? size(description.hyenaOrder) - 1
                              : block.mixer == analysis::MixerKind::multiHyena ? 2
                                                                               : 0;
    if (block.banks.size() != banks) refuse("the long filters of " + block.prefix + " do not fit its kind");
    for (const int bank : block.banks) {
      if (bank < 0 || size(bank) >= checkpoint.banks().size()) refuse(block.prefix + " names a bank that is not there");
      const int channels = block.mixer == analysis::MixerKind::multiHyena ? description.heads : description.width;
      if (checkpoint.banks()[size(bank)].channels != channels)
        refuse("the number of filters of " + block.prefix + " does not fit the model");
    }
  }
  if (!description.blocks.empty() &&
      std::any_of(description.blocks.begin(), description.blocks.end(),
                  [&](const analysis::BlockDescription& block) { return block.mixer != description.blocks[0].mixer; }))
    refuse("it mixes attention with long convolutions");
}

}  // namespace

std::shared_ptr<const Model::Weights> loadWeights(const analysis::Checkpoint& checkpoint,
                                                  const analysis::LanguageModel& description,
                                                  const analysis::Task& task) {
  check(checkpoint, description);
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
    weights->positions =
        reader.values("embeddings.position_embeddings.weight", size(description.positions) * size(description.width));
  if (!description.tiedHead)
    weights->head = reader.withoutBias("lm_head", description.vocabularyPadded, description.width);
  weights->finalNorm = reader.layerNorm("ln_f");

  const double steps = static_cast<double>(description.blocks.size() + checkpoint.banks().size());
  for (const analysis::BlockDescription& block : description.blocks) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size()) / steps, "reading weights");
    weights->blocks.push_back(readBlock(reader, description, block));
  }
  for (int bank = 0; bank < static_cast<int>(checkpoint.banks().size()); ++bank) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size() + size(bank)) / steps, "evaluating filters");
    weights->filters.push_back(filterBank(checkpoint, bank, task));
  }
  return weights;
}

}  // namespace engine
