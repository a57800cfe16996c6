#include "engine/randomtransformer.h"

#include <cmath>
#include <new>
#include <random>

#include "engine/device.h"
#include "engine/error.h"
#include "engine/footprint.h"
#include "engine/weights.h"

namespace engine {
namespace {

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

int headWidth(int width) {
  int head = 64;
  while (width % head != 0) head /= 2;
  return head;
}

class Builder {
 public:
  Builder(Model::Weights& weights, std::uint64_t seed) : m_weights(weights), m_random(seed) {}

  Buffer<float> values(std::size_t count, float scale, float centre = 0) {
    Buffer<float> buffer(count, m_weights.weightBytes);
    std::uniform_real_distribution<float> uniform(centre - scale, centre + scale);
    for (std::size_t i = 0; i < count; ++i) buffer[i] = uniform(m_random);
    return buffer;
  }
  Linear linear(int outputs, int inputs, bool bias = true) {
    Linear layer;
    layer.inputs = inputs;
    layer.outputs = outputs;
    const float scale = std::sqrt(3.0F / static_cast<float>(inputs));
    std::uniform_real_distribution<float> uniform(-scale, scale);
    layer.weight = panels<float>(outputs, inputs, m_weights.weightBytes, [&](int, float* row) {
      for (int i = 0; i < inputs; ++i) row[i] = uniform(m_random);
    });
    if (bias) layer.bias = values(size(outputs), 0.1F);
    return layer;
  }
  Norm norm(int width) { return {values(size(width), 0.1F, 1), values(size(width), 0.1F), 1e-5F}; }

 private:
  Model::Weights& m_weights;
  std::mt19937 m_random;
};

Shape shapeOf(const Model& like) {
  Shape shape;
  shape.layers = like.shape().layers;
  shape.width = like.shape().width;
  shape.innerWidth = like.shape().innerWidth;
  shape.vocabulary = like.shape().vocabulary;
  shape.headWidth = headWidth(shape.width);
  shape.heads = shape.width / shape.headWidth;
  BlockShape block;
  block.kind = BlockShape::Kind::attention;
  shape.blocks.assign(size(shape.layers), block);
  return shape;
}

}  // namespace

std::shared_ptr<const Model> randomTransformer(const Model& like, std::uint64_t seed) {
  const Shape shape = shapeOf(like);
  Workload workload;
  workload.mode.mixer = Mixer::attention;
  const std::size_t needed = footprint(shape, workload, 1).weightBytes, free = Device::open("cpu", 1)->freeBytes();
  const auto tooLarge = [&] {
    return Error(ErrorKind::memory, "random Transformer",
                 "it needs " + std::to_string(needed >> 20) + " MiB where " + std::to_string(free >> 20) + " are free",
                 "leave its lane out", needed, free);
  };
  if (needed > free) throw tooLarge();
  try {
    auto weights = std::make_shared<Model::Weights>();
    Builder builder(*weights, seed);
    weights->family = "random";
    weights->width = shape.width;
    weights->vocabulary = shape.vocabulary;
    weights->vocabularySize = like.vocabularySize();
    weights->heads = shape.heads;
    weights->embedding = builder.linear(shape.vocabulary, shape.width, false);
    weights->finalNorm = builder.norm(shape.width);
    for (int layer = 0; layer < shape.layers; ++layer) {
      Attention attention;
      attention.norm = builder.norm(shape.width);
      attention.qkv = builder.linear(3 * shape.width, shape.width);
      attention.out = builder.linear(shape.width, shape.width);
      attention.heads = attention.keyValueHeads = shape.heads;
      Block& block = weights->blocks.emplace_back();
      block.kind = BlockShape::Kind::attention;
      block.attention.push_back(std::move(attention));
      block.mlp.norm = builder.norm(shape.width);
      block.mlp.in = builder.linear(shape.innerWidth, shape.width);
      block.mlp.out = builder.linear(shape.width, shape.innerWidth);
    }
    return Model::assemble(std::move(weights), shape, like.trainingLengthTokens());
  } catch (const std::bad_alloc&) {
    throw tooLarge();
  }
}

}  // namespace engine
