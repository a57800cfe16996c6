#include "engine/presets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <string>

#include "engine/device.h"
#include "engine/error.h"
#include "engine/footprint.h"
#include "engine/weights.h"

namespace engine {
namespace {

constexpr std::array<Preset, 4> known{{{"125m", 12, 768}, {"355m", 24, 1024}, {"1.3b", 24, 2048}, {"6.9b", 32, 4096}}};
constexpr int filterLength = 2048, publishedVocabulary = 50304;
constexpr int distinctFilters = 64;  // channels take turns: their number costs time, not speed

// SplitMix64 (Steele et al. 2014): two multiplications a number, for billions of weights.
class Random {
 public:
  explicit Random(std::uint64_t seed) : m_state(seed) {}
  // Uniform in [-1, 1).
  float next() {
    std::uint64_t z = (m_state += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return static_cast<float>(static_cast<std::int32_t>(z >> 32)) * 0x1p-31F;
  }

  // Where `count` numbers begin that somebody else will draw.
  std::uint64_t skip(std::size_t count) {
    const std::uint64_t start = m_state;
    m_state += count * std::uint64_t{0x9E3779B97F4A7C15};
    return start;
  }

 private:
  std::uint64_t m_state;
};

class Builder {
 public:
  Builder(Model::Weights& weights, std::uint64_t seed, Residence residence)
      : m_weights(weights), m_random(seed), m_residence(residence) {}

  Buffer<float> values(std::size_t count, float scale, float centre = 0) {
    Buffer<float> buffer(count, m_weights.weightBytes);
    for (std::size_t i = 0; i < count; ++i) buffer[i] = centre + scale * m_random.next();
    return buffer;
  }
  Linear linear(int outputs, int inputs) {
    Linear layer = withoutBias(outputs, inputs, std::sqrt(3.0F / static_cast<float>(inputs)));
    layer.bias = values(static_cast<std::size_t>(outputs), 0.1F);
    return layer;
  }
  Linear withoutBias(int outputs, int inputs, float scale) {
    Linear layer;
    layer.inputs = inputs;
    layer.outputs = outputs;
    const std::size_t count = static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs);
    const auto row = [&](int, float* to) {
      for (int i = 0; i < inputs; ++i) to[i] = scale * m_random.next();
    };
    if (m_residence == Residence::device) {
      layer.random = RandomFill{m_random.skip(count), scale};
    } else if (m_weights.type == WeightType::float32) {
      layer.weight = panels<float>(outputs, inputs, m_weights.weightBytes, row);
    } else {
      layer.half = panels<Bfloat16>(outputs, inputs, m_weights.weightBytes, row);
    }
    return layer;
  }
  Norm norm(int width) {
    Norm norm;
    norm.scale = values(static_cast<std::size_t>(width), 0.1F, 1);
    norm.shift = values(static_cast<std::size_t>(width), 0.1F);
    return norm;
  }
  Norm rmsNorm(int width) {
    Norm norm;
    norm.scale = values(static_cast<std::size_t>(width), 0.1F, 1);
    return norm;
  }
  Mlp mlp(int width) {
    Mlp mlp;
    mlp.norm = norm(width);
    mlp.in = linear(4 * width, width);
    mlp.out = linear(width, 4 * width);
    return mlp;
  }
  Mlp gatedMlp(int width, int innerWidth) {
    Mlp mlp;
    mlp.norm = rmsNorm(width);
    mlp.in = linear(2 * innerWidth, width);
    mlp.out = linear(width, innerWidth);
    mlp.gated = true;
    mlp.activation = Activation::sigmoid;
    return mlp;
  }
  // The projections and the short filter, without norms and banks.
  ConvolutionOperator convolution(int width) {
    ConvolutionOperator op;
    op.in = linear(3 * width, width);
    const std::size_t channels = 3 * static_cast<std::size_t>(width);
    op.shortFilter = {3, 3 * width, values(3 * channels, 0.6F), values(channels, 0.1F)};
    op.out = linear(width, width);
    return op;
  }
  // Decays from a quarter of the length to a few samples, at random frequencies.
  analysis::StateSpace filter(int order) {
    analysis::StateSpace model;
    model.feedthrough = m_random.next();
    for (int k = 0; k < order / 2; ++k) {
      const double decay = 4.0 / filterLength * std::pow(64.0, (m_random.next() + 1) / 2);
      const double angle = 0.01 + 3.1 * (m_random.next() + 1) / 2;
      model.modes.push_back({{-decay, angle}, {0.3 * m_random.next() / order, 0.3 * m_random.next() / order}, true});
    }
    return model;
  }
  float next() { return m_random.next(); }

 private:
  Model::Weights& m_weights;
  Random m_random;
  Residence m_residence;
};

Block randomBlock(Builder& builder, int width, int bank) {
  Norm first = builder.norm(width);
  ConvolutionOperator op = builder.convolution(width);
  op.norm = std::move(first);
  op.banks = {bank};
  Block block;
  block.operators.push_back(std::move(op));
  block.mlp = builder.mlp(width);
  return block;
}

Block randomHeads(Builder& builder, const Shape& shape, int bank) {
  Block block;
  block.kind = BlockShape::Kind::multiHyena;
  for (int index = 0; index < 2; ++index) {
    ConvolutionOperator op = builder.convolution(shape.width);
    op.norm = builder.rmsNorm(shape.width);
    op.innerNorm = builder.rmsNorm(shape.width);
    op.banks = {bank + index};
    block.operators.push_back(std::move(op));
  }
  block.mlp = builder.gatedMlp(shape.width, shape.innerWidth);
  return block;
}

Block randomAttention(Builder& builder, int width) {
  Attention attention;
  attention.norm = builder.norm(width);
  attention.qkv = builder.linear(3 * width, width);
  attention.out = builder.linear(width, width);
  attention.heads = attention.keyValueHeads = width / 64;
  Block block;
  block.kind = BlockShape::Kind::attention;
  block.attention.push_back(std::move(attention));
  block.mlp = builder.mlp(width);
  return block;
}

Shape shapeOf(const Preset& preset, int vocabulary, BlockShape::Kind kind) {
  Shape shape;
  shape.layers = preset.layers;
  shape.width = preset.width;
  shape.innerWidth = 4 * preset.width;
  shape.vocabulary = vocabulary;
  BlockShape block;
  block.kind = kind;
  if (kind == BlockShape::Kind::hyena) {
    shape.filterLengthTokens = filterLength;
    block.filters = preset.width;
  } else {
    shape.heads = preset.width / 64;
  }
  shape.blocks.assign(static_cast<std::size_t>(preset.layers), block);
  return shape;
}

Shape checkedShape(std::string_view name, int vocabulary, BlockShape::Kind kind) {
  const auto preset = std::find_if(known.begin(), known.end(), [&](const Preset& p) { return p.name == name; });
  if (preset == known.end())
    throw Error(ErrorKind::input, "preset " + std::string(name), "there is no such size",
                "use 125m, 355m, 1.3b or 6.9b");
  if (vocabulary < 0 || vocabulary > (1 << 20))
    throw Error(ErrorKind::input, "vocabulary", "its size is out of range", "use 0 for the published one");
  return shapeOf(*preset, vocabulary > 0 ? vocabulary : publishedVocabulary, kind);
}

// Into MultiHyena.
void divideIntoHeads(Shape& shape, int headWidth) {
  shape.heads = shape.width / headWidth;
  shape.headWidth = headWidth;
  shape.innerWidth = (4 * shape.width / 3 + 7) / 8 * 8;
  for (BlockShape& block : shape.blocks) {
    block.kind = BlockShape::Kind::multiHyena;
    block.filters = 2 * shape.heads;
  }
}

// Runs `make` unless the footprint already says that memory will not do.
template <class Result, class Make>
Result withinMemory(std::string_view name, const Shape& shape, WeightType type, Residence residence, Make&& make) {
  const Footprint needs = footprint(shape, Workload{}, 1);
  const std::size_t weights = residence == Residence::device ? 0 : type == WeightType::bfloat16 ? needs.weightBytes / 2 : needs.weightBytes;
  const std::size_t needed = weights + needs.tableBytes, free = Device::open("cpu", 1)->freeBytes();
  const auto tooLarge = [&] {
    return Error(ErrorKind::memory, "preset " + std::string(name),
                 "it needs " + std::to_string(needed >> 20) + " MiB where " + std::to_string(free >> 20) + " are free",
                 "use a smaller size or bfloat16 weights", needed, free);
  };
  if (needed > free) throw tooLarge();
  try {
    return make();
  } catch (const std::bad_alloc&) {
    throw tooLarge();
  }
}

void beginWeights(Model::Weights& weights, Builder& builder, const Shape& shape) {
  weights.family = "random";
  weights.width = shape.width;
  weights.vocabulary = weights.vocabularySize = shape.vocabulary;
  weights.embedding = builder.withoutBias(shape.vocabulary, shape.width, 1);
  weights.finalNorm = builder.norm(shape.width);
}

}  // namespace

std::span<const Preset> presets() {
  return known;
}

RandomModel randomModel(std::string_view name, int order, std::uint64_t seed, int vocabulary, WeightType type,
                        Residence residence, int headWidth) {
  Shape shape = checkedShape(name, vocabulary, BlockShape::Kind::hyena);
  if (order < 2 || order > 256 || order % 2 != 0)
    throw Error(ErrorKind::input, "order " + std::to_string(order), "random filters are made of conjugate pairs",
                "use an even order from 2 to 256");
  if (headWidth < 1 || shape.width % headWidth != 0)
    throw Error(ErrorKind::input, "head width " + std::to_string(headWidth),
                "it does not divide the width of " + std::to_string(shape.width), "use 1, or 8 for MultiHyena");
  if (headWidth > 1) divideIntoHeads(shape, headWidth);
  return withinMemory<RandomModel>(name, shape, type, residence, [&] {
    auto weights = std::make_shared<Model::Weights>();
    weights->type = type;
    Builder builder(*weights, seed, residence);
    beginWeights(*weights, builder, shape);
    weights->heads = shape.heads;
    std::array<analysis::StateSpace, distinctFilters> filters;
    for (auto& filter : filters) filter = builder.filter(order);
    std::vector<std::vector<double>> taps;
    taps.reserve(filters.size());
    for (const auto& filter : filters) taps.push_back(filter.impulseResponse(filterLength));

    analysis::Distilled distilled;
    const auto length = static_cast<std::size_t>(filterLength);
    const auto addBank = [&](const std::string& path, std::size_t channels) {
      const std::size_t index = weights->filters.size();
      FilterBank& bank = weights->filters.emplace_back();
      analysis::DistilledBank& models = distilled.banks.emplace_back();
      bank.path = models.path = path;
      bank.channels = static_cast<int>(channels);
      bank.length = filterLength;
      Meter counted = 0;  // sessions count the tables that they use
      bank.reversed = Buffer<float>(channels * length, counted);
      bank.skip = Buffer<float>(channels, counted);
      for (std::size_t c = 0; c < channels; ++c) {
        const std::size_t kind = (c + 7 * index) % distinctFilters;
        for (std::size_t t = 0; t < length; ++t)
          bank.reversed[(c + 1) * length - 1 - t] = static_cast<float>(taps[kind][t]);
        bank.skip[c] = builder.next();
        models.filters.push_back(analysis::DistilledFilter{filters[kind], bank.skip[c], 0, 0});
      }
    };
    for (int layer = 0; layer < shape.layers; ++layer) {
      const std::string path = "layers." + std::to_string(layer);
      if (headWidth == 1) {
        weights->blocks.push_back(randomBlock(builder, shape.width, layer));
        addBank(path + ".mixer.filter_fn", static_cast<std::size_t>(shape.width));
        continue;
      }
      weights->blocks.push_back(randomHeads(builder, shape, 2 * layer));
      for (const char* op : {".model", ".model2"}) addBank(path + op + ".filter", static_cast<std::size_t>(shape.heads));
    }
    auto original = Model::assemble(std::move(weights), shape, filterLength);
    auto replaced = original->withDistilled(distilled);
    return RandomModel{std::move(original), std::move(replaced)};
  });
}

std::shared_ptr<const Model> randomTransformer(std::string_view name, std::uint64_t seed, int vocabulary,
                                               WeightType type, Residence residence) {
  const Shape shape = checkedShape(name, vocabulary, BlockShape::Kind::attention);
  return withinMemory<std::shared_ptr<const Model>>(name, shape, type, residence, [&] {
    auto weights = std::make_shared<Model::Weights>();
    weights->type = type;
    Builder builder(*weights, seed, residence);
    beginWeights(*weights, builder, shape);
    weights->heads = shape.heads;
    for (int layer = 0; layer < shape.layers; ++layer) weights->blocks.push_back(randomAttention(builder, shape.width));
    return Model::assemble(std::move(weights), shape, filterLength);
  });
}

}  // namespace engine
