#include "engine/load.h"

#include <algorithm>

#include "engine/cpu/shortconvolution.h"
#include "engine/error.h"
#include "engine/weightreader.h"

namespace engine {
namespace {

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

using Bias = WeightReader::Bias;

Activation activationOf(analysis::Activation activation) {
  switch (activation) {
    case analysis::Activation::geluTanh:
      return Activation::geluTanh;
    case analysis::Activation::geluErf:
      return Activation::geluErf;
    case analysis::Activation::silu:
      return Activation::silu;
    case analysis::Activation::identity:
      return Activation::identity;
  }
  return Activation::geluTanh;
}

// Rows stored as the q, k, v of each head in turn, computed as all q, all k, all v.
WeightReader::Order fromHeads(int width, int heads) {
  const int headWidth = width / heads;
  return [=](int row) {
    const int stream = row / width, head = row % width / headWidth, inside = row % headWidth;
    return (3 * head + stream) * headWidth + inside;
  };
}

Mlp geluMlp(WeightReader& reader, const std::string& prefix) {
  const auto& description = reader.description();
  Mlp mlp;
  mlp.norm = reader.layerNorm(prefix + ".norm2");
  mlp.in = reader.linear(prefix + ".mlp.fc1", description.innerWidth, description.width);
  mlp.out = reader.linear(prefix + ".mlp.fc2", description.width, description.innerWidth);
  return mlp;
}

Attention rotated(Attention attention, const analysis::LanguageModel& description) {
  attention.heads = description.heads;
  attention.keyValueHeads = description.keyValueHeads > 0 ? description.keyValueHeads : description.heads;
  attention.rotaryDimensions = description.rotaryDimensions;
  attention.rotaryBase = description.rotaryBase;
  attention.rotaryScale = description.rotaryScale;
  return attention;
}

Block hyenaBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  const auto& description = reader.description();
  const int width = description.width, streams = (description.hyenaOrder + 1) * width;
  ConvolutionOperator op;
  op.norm = reader.layerNorm(block.prefix + ".norm1");
  op.in = reader.linear(block.prefix + ".mixer.in_proj", streams, width);
  op.shortFilter = reader.shortFilter(block.prefix + ".mixer.short_filter.weight",
                                      block.prefix + ".mixer.short_filter.bias", streams, description.shortFilterTaps);
  op.out = reader.linear(block.prefix + ".mixer.out_proj", width, width);
  op.banks = block.banks;
  Block result;
  result.operators.push_back(std::move(op));
  result.mlp = geluMlp(reader, block.prefix);
  return result;
}

Block h3Block(WeightReader& reader, const analysis::BlockDescription& block) {
  const int width = reader.description().width;
  const std::string mixer = block.prefix + ".mixer.";
  ConvolutionOperator op;
  op.firstGate = false;
  op.norm = reader.layerNorm(block.prefix + ".norm1");
  op.in = reader.stacked({mixer + "q_proj", mixer + "v_proj", mixer + "k_proj"}, width, width, Bias::needed);
  op.shortFilter = reader.identityFilter(3 * width);
  op.out = reader.linear(mixer + "output_linear", width, width);
  op.banks = block.banks;
  Block result;
  result.operators.push_back(std::move(op));
  result.mlp = geluMlp(reader, block.prefix);
  return result;
}

Block attentionBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  const auto& description = reader.description();
  Attention attention;
  attention.norm = reader.layerNorm(block.prefix + ".norm1");
  attention.qkv = reader.linear(block.prefix + ".mixer.Wqkv", 3 * description.width, description.width);
  attention.out = reader.linear(block.prefix + ".mixer.out_proj", description.width, description.width);
  Block result;
  result.kind = BlockShape::Kind::attention;
  result.attention.push_back(rotated(std::move(attention), description));
  result.mlp = geluMlp(reader, block.prefix);
  return result;
}

Block multiHyenaBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  const auto& description = reader.description();
  const int width = description.width;
  const auto order = fromHeads(width, description.heads);  // each head with its x0, x1, v
  const auto rms = [&](const std::string& key) { return reader.rmsNorm(key + ".weight", 1e-6F, false); };
  Block result;
  result.kind = BlockShape::Kind::multiHyena;
  for (int index = 0; index < 2; ++index) {
    const std::string prefix = block.prefix + (index == 0 ? ".model" : ".model2");
    ConvolutionOperator op;
    op.norm = rms(block.prefix + (index == 0 ? ".norm1" : ".norm2"));
    op.in = reader.linear(prefix + ".in_proj", 3 * width, width, Bias::needed, order);
    op.shortFilter = reader.shortFilter(prefix + ".short_filter.weight", prefix + ".short_filter.bias", 3 * width,
                                        description.shortFilterTaps, order);
    op.innerNorm = rms(prefix + ".norm");
    op.out = reader.linear(prefix + ".out_proj", width, width);
    op.banks = {block.banks.at(size(index))};
    result.operators.push_back(std::move(op));
  }
  result.mlp.gated = true;
  result.mlp.activation = Activation::sigmoid;
  result.mlp.norm = rms(block.prefix + ".norm3");
  result.mlp.in = reader.linear(block.prefix + ".l1", 2 * description.innerWidth, width);
  result.mlp.out = reader.linear(block.prefix + ".l2", width, description.innerWidth);
  return result;
}

// StripedHyena and Evo: either mixer, RMS norms, a gated MLP.
Block stripedBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  const auto& description = reader.description();
  const int width = description.width, heads = description.heads;
  const std::string prefix = block.prefix + ".";
  const auto norm = [&](const char* name) {
    return reader.rmsNorm(prefix + name + ".scale", static_cast<float>(description.layerNormEpsilon),
                          description.normEpsilonOutside);
  };
  Block result;
  if (block.mixer == analysis::MixerKind::attention) {
    Attention attention;
    const int shared = (description.keyValueHeads > 0 ? description.keyValueHeads : heads) * (width / heads);
    attention.norm = norm("pre_norm");
    attention.qkv = reader.linear(prefix + "inner_mha_cls.Wqkv", width + 2 * shared, width, Bias::optional,
                                  description.attentionPerHead ? fromHeads(width, heads) : WeightReader::Order());
    attention.out = reader.linear(prefix + "inner_mha_cls.out_proj", width, width, Bias::optional);
    result.kind = BlockShape::Kind::attention;
    result.attention.push_back(rotated(std::move(attention), description));
  } else {
    // Stored order of the streams: x_0 | x_1 | v in thirds, per head or per channel; x_0 and x_1 may change places.
    const auto order = [=, swapped = description.gatesExchanged, layout = description.streams](int row) {
      const int stream = swapped && row / width < 2 ? 1 - row / width : row / width, channel = row % width;
      if (layout == analysis::StreamLayout::interleaved) return 3 * channel + stream;
      if (layout == analysis::StreamLayout::contiguous) return stream * width + channel;
      return fromHeads(width, heads)(stream * width + channel);
    };
    ConvolutionOperator op;
    op.norm = norm("pre_norm");
    op.in = reader.linear(prefix + "projections", 3 * width, width, Bias::optional, order);
    op.shortFilter = reader.shortFilter(prefix + "filter.short_filter_weight", prefix + "filter.short_filter_bias",
                                        3 * width, description.shortFilterTaps, order);
    op.out = reader.linear(prefix + "out_filter_dense", width, width, Bias::optional);
    op.banks = block.banks;
    result.operators.push_back(std::move(op));
  }
  result.mlp.gated = true;
  result.mlp.activation = activationOf(block.activation);
  result.mlp.norm = norm("post_norm");
  result.mlp.in = reader.stacked({prefix + "mlp.l1", prefix + "mlp.l2"}, description.innerWidth, width, Bias::none);
  result.mlp.out = reader.linear(prefix + "mlp.l3", width, description.innerWidth, Bias::none);
  return result;
}

Block neoxBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  const auto& description = reader.description();
  const int width = description.width;
  Attention attention;
  attention.norm = reader.layerNorm(block.prefix + ".input_layernorm");
  attention.qkv = reader.linear(block.prefix + ".attention.query_key_value", 3 * width, width, Bias::needed,
                                fromHeads(width, description.heads));
  attention.out = reader.linear(block.prefix + ".attention.dense", width, width);
  Block result;
  result.kind = BlockShape::Kind::attention;
  result.parallel = description.parallelResidual;
  result.attention.push_back(rotated(std::move(attention), description));
  result.mlp.activation = activationOf(block.activation);
  result.mlp.norm = reader.layerNorm(block.prefix + ".post_attention_layernorm");
  result.mlp.in = reader.linear(block.prefix + ".mlp.dense_h_to_4h", description.innerWidth, width);
  result.mlp.out = reader.linear(block.prefix + ".mlp.dense_4h_to_h", width, description.innerWidth);
  return result;
}

Block readBlock(WeightReader& reader, const analysis::BlockDescription& block) {
  if (reader.description().frame == analysis::ModelFrame::striped) return stripedBlock(reader, block);
  if (reader.description().frame == analysis::ModelFrame::neox) return neoxBlock(reader, block);
  switch (block.mixer) {
    case analysis::MixerKind::hyena:
      return hyenaBlock(reader, block);
    case analysis::MixerKind::h3:
      return h3Block(reader, block);
    case analysis::MixerKind::multiHyena:
      return multiHyenaBlock(reader, block);
    case analysis::MixerKind::attention:
      return attentionBlock(reader, block);
  }
  throw Error(ErrorKind::unsupported, block.prefix, "its kind of mixer is not known", "use a newer version");
}

// Keys of what stands around the blocks.
struct Around {
  std::string embedding, head, norm;
};

Around around(const analysis::LanguageModel& description) {
  switch (description.frame) {
    case analysis::ModelFrame::striped:
      return {"embedding_layer", "unembed", "norm.scale"};
    case analysis::ModelFrame::neox: {
      const std::string first = description.blocks.empty() ? std::string() : description.blocks[0].prefix;
      const std::string root = first.substr(0, first.find("layers."));
      return {root + "embed_in", "embed_out", root + "final_layer_norm"};
    }
    case analysis::ModelFrame::safari:
      break;
  }
  return {"embeddings.word_embeddings", "lm_head", "ln_f"};
}

// `channels`: of the operator; a bank with fewer is shared by groups of neighbours.
FilterBank filterBank(const analysis::Checkpoint& checkpoint, int index, int channels, const analysis::Task& task) {
  const analysis::Bank& bank = checkpoint.banks()[size(index)];
  FilterBank filters;
  filters.path = bank.path;
  filters.channels = channels;
  filters.sharedBy = channels / std::max(1, bank.channels);
  filters.length = bank.lengthSamples;
  Meter counted = 0;  // sessions count the tables that they use
  const std::size_t length = size(bank.lengthSamples);
  filters.reversed = Buffer<float>(size(channels) * length, counted);
  filters.skip = Buffer<float>(size(channels), counted);
  for (int c = 0; c < channels; ++c) {
    const auto filter = checkpoint.filter({index, c / filters.sharedBy}, task);
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

int channelsOf(const analysis::LanguageModel& description, const analysis::BlockDescription& block) {
  return block.mixer == analysis::MixerKind::multiHyena ? description.heads : description.width;
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
    const bool heads = block.mixer == analysis::MixerKind::multiHyena ||
                       block.mixer == analysis::MixerKind::attention ||
                       description.streams == analysis::StreamLayout::perHead;
    if (heads && (description.heads < 1 || description.width % description.heads != 0))
      refuse("its width of " + std::to_string(description.width) + " is not divided by its " +
             std::to_string(description.heads) + " heads");
    const std::size_t banks = block.mixer == analysis::MixerKind::hyena       ? size(description.hyenaOrder) - 1
                              : block.mixer == analysis::MixerKind::attention ? 0
                                                                              : 2;
    if (block.banks.size() != banks) refuse("the long filters of " + block.prefix + " do not fit its kind");
    for (const int bank : block.banks) {
      if (bank < 0 || size(bank) >= checkpoint.banks().size()) refuse(block.prefix + " names a bank that is not there");
      const int stored = checkpoint.banks()[size(bank)].channels, wanted = channelsOf(description, block);
      const bool grouped = description.frame == analysis::ModelFrame::striped && stored > 0 && wanted % stored == 0;
      if (stored != wanted && !grouped) refuse("the number of filters of " + block.prefix + " does not fit the model");
    }
  }
  const int rotary = description.rotaryDimensions, headWidth = description.width / std::max(1, description.heads);
  if (rotary < 0 || rotary % 2 != 0 || (description.heads > 0 && rotary > headWidth))
    refuse("its rotary embedding does not fit its heads");
  if (description.keyValueHeads > 0 &&
      (description.heads % description.keyValueHeads != 0 ||
       (description.attentionPerHead && description.keyValueHeads != description.heads)))
    refuse("its heads cannot share keys and values evenly");
}

}  // namespace

std::shared_ptr<const Model::Weights> loadWeights(const analysis::Checkpoint& checkpoint,
                                                  const analysis::LanguageModel& description,
                                                  const analysis::Task& task, WeightType type) {
  check(checkpoint, description);
  auto weights = std::make_shared<Model::Weights>();
  weights->family = description.family;
  weights->type = type;
  weights->width = description.width;
  weights->vocabulary = description.vocabularyPadded;
  weights->vocabularySize = description.vocabularySize;
  weights->heads = description.heads;
  weights->positionCount = description.positions;
  WeightReader reader(checkpoint, description, *weights, type);
  const Around names = around(description);
  weights->embedding = reader.linear(names.embedding, description.vocabularyPadded, description.width, Bias::none);
  if (description.positions > 0) {
    weights->positions =
        reader.values("embeddings.position_embeddings.weight", size(description.positions) * size(description.width));
    weights->weightBytes += weights->positions.size() * sizeof(float);
  }
  if (!description.tiedHead)
    weights->head = reader.linear(names.head, description.vocabularyPadded, description.width, Bias::none);
  weights->finalNorm =
      description.frame == analysis::ModelFrame::striped
          ? reader.rmsNorm(names.norm, static_cast<float>(description.layerNormEpsilon), description.normEpsilonOutside)
          : reader.layerNorm(names.norm);

  const double steps = static_cast<double>(description.blocks.size() + checkpoint.banks().size());
  std::vector<int> channels;  // of each bank's operator
  for (const analysis::Bank& bank : checkpoint.banks()) channels.push_back(bank.channels);
  for (const analysis::BlockDescription& block : description.blocks) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size()) / steps, "reading weights");
    weights->blocks.push_back(readBlock(reader, block));
    for (const int bank : block.banks) channels[size(bank)] = channelsOf(description, block);
  }
  for (int bank = 0; bank < static_cast<int>(checkpoint.banks().size()); ++bank) {
    task.throwIfStopped();
    task.report(static_cast<double>(weights->blocks.size() + size(bank)) / steps, "evaluating filters");
    weights->filters.push_back(filterBank(checkpoint, bank, channels[size(bank)], task));
  }
  return weights;
}

}  // namespace engine
