// Tiny random models in safari's frame for the tests, and their filters summed term by term.
#pragma once

#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/analysis/tensorwriters.h"

namespace models {

class Model {
 public:
  // The frame: embedding, norms, projections and MLPs of `layers` layers with `longFilters` long filters per operator.
  Model(int modelWidth, int longFilters, unsigned seed, int vocabulary = 256, int layers = 1)
      : random(seed), width(modelWidth), operators(longFilters), words(vocabulary) {
    add("embeddings.word_embeddings.weight", {words, width});
    add("ln_f.weight", {width});
    add("ln_f.bias", {width});
    for (int layer = 0; layer < layers; ++layer) addLayer("layers." + std::to_string(layer) + ".");
  }

  const std::vector<float>& operator[](const std::string& name) const { return all.at(name).values; }

  void add(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::normal_distribution<float> normal;
    std::size_t count = 1;
    for (const std::int64_t n : shape) count *= std::size_t(n);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    all[name] = {shape, std::move(values)};
  }
  void set(const std::string& name, const std::vector<std::int64_t>& shape) { add(name, shape); }
  void erase(const std::string& name) { all.erase(name); }

  void addImplicitFilter(const std::string& prefix, int columns, int length, int features, int hidden) {
    add(prefix + "bias", {columns});
    add(prefix + "pos_emb.z", {1, length, features});  // not the sines of construction: z is trained
    add(prefix + "pos_emb.t", {1, length, 1});
    for (std::size_t n = 0; n < std::size_t(length); ++n) {
      all[prefix + "pos_emb.t"].values[n] = float(n) / float(std::max(1, length - 1));
    }
    add(prefix + "modulation.deltas", {1, 1, columns});
    add(prefix + "implicit_filter.0.weight", {hidden, features});
    add(prefix + "implicit_filter.0.bias", {hidden});
    for (int index : {2, 4}) {
      add(prefix + "implicit_filter." + std::to_string(index) + ".weight", {hidden, hidden});
      add(prefix + "implicit_filter." + std::to_string(index) + ".bias", {hidden});
    }
    add(prefix + "implicit_filter.6.weight", {columns, hidden});
    add(prefix + "implicit_filter.1.freq", {1, hidden});
    for (const char* index : {"3", "5"})
      all[prefix + "implicit_filter." + index + ".freq"] = all[prefix + "implicit_filter.1.freq"];
  }

  // h[n] of one column by plain loops in double.
  std::vector<double> implicitTaps(const std::string& prefix, int column, bool modulate, double shift) const {
    const auto& z = all.at(prefix + "pos_emb.z");
    const auto length = std::size_t(z.shape[1]), features = std::size_t(z.shape[2]);
    std::vector<double> taps(length);
    for (std::size_t n = 0; n < length; ++n) {
      std::vector<double> a(features);
      for (std::size_t e = 0; e < features; ++e) a[e] = z.values[n * features + e];
      for (int index : {0, 2, 4}) {
        const std::string layer = prefix + "implicit_filter." + std::to_string(index);
        const std::vector<float>&w = (*this)[layer + ".weight"], &b = (*this)[layer + ".bias"];
        const std::vector<float>& freq = (*this)[prefix + "implicit_filter.1.freq"];
        std::vector<double> next(b.size());
        for (std::size_t i = 0; i < next.size(); ++i) {
          double sum = b[i];
          for (std::size_t j = 0; j < a.size(); ++j) sum += double(w[i * a.size() + j]) * a[j];
          next[i] = std::sin(freq[i] * sum);
        }
        a = next;
      }
      const std::vector<float>& last = (*this)[prefix + "implicit_filter.6.weight"];
      for (std::size_t j = 0; j < a.size(); ++j) taps[n] += double(last[std::size_t(column) * a.size() + j]) * a[j];
      const double delta = (*this)[prefix + "modulation.deltas"][std::size_t(column)];
      if (modulate) taps[n] *= std::exp(-double((*this)[prefix + "pos_emb.t"][n]) * std::abs(delta)) + shift;
    }
    return taps;
  }

  void addRtf(const std::string& prefix, int channels, int denominators, int order, bool bounded) {
    add(prefix + "ab", {denominators + channels, order});
    if (!bounded) {  // without the bound the file's own coefficients must be stable
      for (float& value : all[prefix + "ab"].values) value *= 0.1f;
    }
    add(prefix + "h_0", {channels});
    if (bounded) add(prefix + "scalar", {denominators});
  }

  // Replaces the layer's operator by attention.
  void addAttention(const std::string& mixer) {
    for (const char* name : {"in_proj.weight", "in_proj.bias", "short_filter.weight", "short_filter.bias"})
      erase(mixer + name);
    add(mixer + "Wqkv.weight", {3 * width, width});
    add(mixer + "Wqkv.bias", {3 * width});
  }
  void addPositions(int count) { add("embeddings.position_embeddings.weight", {count, width}); }
  void addHead(bool tied) {
    add("lm_head.weight", {words, width});
    if (tied) all["lm_head.weight"] = all["embeddings.word_embeddings.weight"];
  }

  std::vector<writers::Tensor> tensors() const {
    std::vector<writers::Tensor> list;
    for (const auto& [name, tensor] : all) list.push_back(writers::floats(name, tensor.shape, tensor.values));
    return list;
  }

 private:
  struct Values {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };

  void addLayer(const std::string& layer) {
    for (const char* norm : {"norm1", "norm2"}) {
      add(layer + norm + ".weight", {width});
      add(layer + norm + ".bias", {width});
    }
    add(layer + "mlp.fc1.weight", {2 * width, width});
    add(layer + "mlp.fc1.bias", {2 * width});
    add(layer + "mlp.fc2.weight", {width, 2 * width});
    add(layer + "mlp.fc2.bias", {width});
    const int rows = (operators + 2) * width;
    add(layer + "mixer.in_proj.weight", {rows, width});
    add(layer + "mixer.in_proj.bias", {rows});
    add(layer + "mixer.short_filter.weight", {rows, 1, 3});
    add(layer + "mixer.short_filter.bias", {rows});
    add(layer + "mixer.out_proj.weight", {width, width});
    add(layer + "mixer.out_proj.bias", {width});
  }

  std::mt19937 random;
  int width, operators, words;
  std::map<std::string, Values> all;
};

}  // namespace models
