#include "engine/weightreader.h"

#include <algorithm>

#include "engine/error.h"

namespace engine {
namespace {

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

}  // namespace

Buffer<float> WeightReader::values(const std::string& key, std::size_t count) {
  const std::vector<float> read = m_checkpoint.weights(key);
  if (read.size() != count)
    throw Error(ErrorKind::input, key,
                "it holds " + std::to_string(read.size()) + " values where " + std::to_string(count) + " are needed",
                "the file does not fit its own description; save it again");
  Meter later = 0;  // what is kept of it is counted then
  Buffer<float> buffer(count, later);
  std::copy(read.begin(), read.end(), buffer.data());
  return buffer;
}

Linear WeightReader::counted(const Buffer<float>& weight, Buffer<float> bias, int outputs, int inputs) {
  Linear layer;
  layer.inputs = inputs;
  layer.outputs = outputs;
  const auto row = [&](int output, float* to) { std::copy_n(weight.data() + size(output) * size(inputs), inputs, to); };
  if (m_type == WeightType::bfloat16)
    layer.half = panels<Bfloat16>(outputs, inputs, m_weights.weightBytes, row);
  else
    layer.weight = panels<float>(outputs, inputs, m_weights.weightBytes, row);
  layer.bias = std::move(bias);
  m_weights.weightBytes += layer.bias.size() * sizeof(float);
  return layer;
}

Linear WeightReader::linear(const std::string& prefix, int outputs, int inputs, Bias bias, const Order& order) {
  const auto ordered = [&](Buffer<float> stored, std::size_t row) {
    if (!order) return stored;
    Meter later = 0;
    Buffer<float> result(stored.size(), later);
    for (int r = 0; r < outputs; ++r)
      std::copy_n(stored.data() + size(order(r)) * row, row, result.data() + size(r) * row);
    return result;
  };
  const bool biased = bias == Bias::needed || (bias == Bias::optional && has(prefix + ".bias"));
  return counted(ordered(values(prefix + ".weight", size(outputs) * size(inputs)), size(inputs)),
                 biased ? ordered(values(prefix + ".bias", size(outputs)), 1) : Buffer<float>(), outputs, inputs);
}

Linear WeightReader::stacked(const std::vector<std::string>& prefixes, int outputsEach, int inputs, Bias bias) {
  Meter later = 0;
  const std::size_t rows = prefixes.size() * size(outputsEach);
  const bool biased = bias == Bias::needed;
  Buffer<float> weight(rows * size(inputs), later), shift(biased ? rows : 0, later);
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    const auto one = values(prefixes[i] + ".weight", size(outputsEach) * size(inputs));
    std::copy_n(one.data(), one.size(), weight.data() + i * one.size());
    if (!biased) continue;
    const auto part = values(prefixes[i] + ".bias", size(outputsEach));
    std::copy_n(part.data(), part.size(), shift.data() + i * part.size());
  }
  return counted(weight, std::move(shift), static_cast<int>(rows), inputs);
}

Norm WeightReader::layerNorm(const std::string& prefix) {
  Norm norm;
  norm.scale = values(prefix + ".weight", size(m_description.width));
  norm.shift = values(prefix + ".bias", size(m_description.width));
  norm.eps = static_cast<float>(m_description.layerNormEpsilon);
  m_weights.weightBytes += 2 * norm.scale.size() * sizeof(float);
  return norm;
}

Norm WeightReader::rmsNorm(const std::string& key, float eps, bool outside) {
  Norm norm;
  norm.scale = values(key, size(m_description.width));
  norm.eps = eps;
  norm.epsOutside = outside;
  m_weights.weightBytes += norm.scale.size() * sizeof(float);
  return norm;
}

ShortFilter WeightReader::shortFilter(const std::string& weightKey, const std::string& biasKey, int channels, int taps,
                                      const Order& order) {
  const Buffer<float> stored = values(weightKey, size(channels) * size(taps));
  ShortFilter filter;
  filter.taps = taps;
  filter.channels = channels;
  filter.weight = Buffer<float>(stored.size(), m_weights.weightBytes);
  filter.bias = Buffer<float>(size(channels), m_weights.weightBytes);
  const auto from = [&](int channel) { return size(order ? order(channel) : channel); };
  for (int c = 0; c < channels; ++c)
    for (std::size_t lag = 0; lag < size(taps); ++lag)
      filter.weight[lag * size(channels) + size(c)] = stored[(from(c) + 1) * size(taps) - 1 - lag];
  if (biasKey.empty() || !has(biasKey)) return filter;
  const Buffer<float> bias = values(biasKey, size(channels));
  for (int c = 0; c < channels; ++c) filter.bias[size(c)] = bias[from(c)];
  return filter;
}

ShortFilter WeightReader::identityFilter(int channels) {
  ShortFilter filter;
  filter.taps = 1;
  filter.channels = channels;
  filter.weight = Buffer<float>(size(channels), m_weights.weightBytes);
  filter.bias = Buffer<float>(size(channels), m_weights.weightBytes);
  std::fill_n(filter.weight.data(), filter.weight.size(), 1.0F);
  return filter;
}

}  // namespace engine
