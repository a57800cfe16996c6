#include "oracle.h"

#include <cmath>
#include <complex>
#include <numbers>
#include <string>

using namespace analysis;
using Row = std::vector<double>;

namespace {

class Oracle {
 public:
  Oracle(const Checkpoint& checkpoint, const Distilled* distilled)
      : m_checkpoint(checkpoint), m_model(*checkpoint.languageModel()), m_distilled(distilled) {}

  Rows filterInputs(const std::vector<int>& tokens) {
    const std::size_t width = static_cast<std::size_t>(m_model.width);
    const std::string prefix = m_model.blocks[0].prefix;
    const Rows p = shortFilter(linear(layerNorm(embedded(tokens), prefix + ".norm1"), prefix + ".mixer.in_proj"),
                               prefix + ".mixer.short_filter");
    Rows u(p.size(), Row(width));
    for (std::size_t t = 0; t < p.size(); ++t)
      for (std::size_t c = 0; c < width; ++c) u[t][c] = p[t][width + c] * p[t][2 * width + c];
    return u;
  }

  Rows embedded(const std::vector<int>& tokens) const {
    const std::size_t width = static_cast<std::size_t>(m_model.width);
    const Row embedding = weights("embeddings.word_embeddings.weight");
    Rows r;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      Row row(embedding.begin() + tokens[t] * m_model.width, embedding.begin() + (tokens[t] + 1) * m_model.width);
      if (m_model.positions > 0) {
        const Row positions = weights("embeddings.position_embeddings.weight");
        for (std::size_t i = 0; i < width; ++i) row[i] += positions[t * width + i];
      }
      r.push_back(row);
    }
    return r;
  }

  Rows logits(const std::vector<int>& tokens) {
    const Row embedding = weights("embeddings.word_embeddings.weight");
    Rows r = embedded(tokens);
    for (const BlockDescription& block : m_model.blocks) {
      if (block.mixer == MixerKind::multiHyena) {
        add(r, multiHyena(rms(r, block.prefix + ".norm1"), block.prefix + ".model", block.banks[0]));
        add(r, multiHyena(rms(r, block.prefix + ".norm2"), block.prefix + ".model2", block.banks[1]));
        Rows ab = linear(rms(r, block.prefix + ".norm3"), block.prefix + ".l1");
        for (Row& row : ab) {
          const std::size_t half = row.size() / 2;
          for (std::size_t i = 0; i < half; ++i) row[i] /= 1 + std::exp(-row[half + i]);
          row.resize(half);
        }
        add(r, linear(ab, block.prefix + ".l2"));
      } else {
        const Rows x = layerNorm(r, block.prefix + ".norm1");
        add(r, block.mixer == MixerKind::attention ? attention(x, block.prefix + ".mixer") : hyena(x, block));
        Rows hidden = linear(layerNorm(r, block.prefix + ".norm2"), block.prefix + ".mlp.fc1");
        for (Row& row : hidden)
          for (double& v : row)
            v = v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
        add(r, linear(hidden, block.prefix + ".mlp.fc2"));
      }
    }
    return oracleProduct(layerNorm(r, "ln_f"), m_model.tiedHead ? embedding : weights("lm_head.weight"));
  }

 private:
  Row weights(const std::string& key) const {
    const auto values = m_checkpoint.weights(key);
    return {values.begin(), values.end()};
  }

  static void add(Rows& to, const Rows& what) {
    for (std::size_t t = 0; t < to.size(); ++t)
      for (std::size_t i = 0; i < to[t].size(); ++i) to[t][i] += what[t][i];
  }

  Rows linear(const Rows& x, const std::string& key) const {
    Rows y = oracleProduct(x, weights(key + ".weight"));
    const Row bias = weights(key + ".bias");
    for (Row& row : y)
      for (std::size_t i = 0; i < row.size(); ++i) row[i] += bias[i];
    return y;
  }

  Rows layerNorm(Rows x, const std::string& key) const {
    const Row scale = weights(key + ".weight"), shift = weights(key + ".bias");
    for (Row& row : x) {
      double mean = 0, variance = 0;
      for (const double v : row) mean += v / static_cast<double>(row.size());
      for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(row.size());
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * scale[i] + shift[i];
    }
    return x;
  }

  Rows rms(Rows x, const std::string& key) const {
    const Row scale = weights(key + ".weight");
    for (Row& row : x) {
      double square = 0;
      for (const double v : row) square += v * v / static_cast<double>(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) row[i] *= scale[i] / std::sqrt(square + 1e-6);
    }
    return x;
  }

  // Cross-correlation with left padding, as a depthwise Conv1d computes it.
  Rows shortFilter(const Rows& x, const std::string& key) const {
    const Row taps = weights(key + ".weight"), bias = weights(key + ".bias");
    const int count = m_model.shortFilterTaps;
    Rows y = x;
    for (int t = 0; t < static_cast<int>(x.size()); ++t)
      for (std::size_t c = 0; c < bias.size(); ++c) {
        double sum = bias[c];
        for (int j = 0; j < count; ++j)
          if (const int from = t + j - (count - 1); from >= 0)
            sum += taps[c * static_cast<std::size_t>(count) + static_cast<std::size_t>(j)] *
                   x[static_cast<std::size_t>(from)][c];
        y[static_cast<std::size_t>(t)][c] = sum;
      }
    return y;
  }

  // h[0..length-1] and the skip of one filter.
  Row response(int bank, int channel, std::size_t length, double& skip) const {
    const auto filter = m_checkpoint.filter({bank, channel});
    skip = filter->skip;
    Row h(length);
    const DistilledFilter* model = nullptr;
    if (m_distilled) {
      const auto& entry = m_distilled->banks[static_cast<std::size_t>(bank)].filters[static_cast<std::size_t>(channel)];
      if (entry) model = &*entry;
    }
    if (!model) {
      for (std::size_t t = 0; t < std::min(length, filter->taps.size()); ++t) h[t] = filter->taps[t];
      return h;
    }
    h[0] = model->model.feedthrough;
    for (const Mode& mode : model->model.modes)
      for (std::size_t t = 1; t < length; ++t)
        h[t] += (mode.pair ? 2 : 1) * (mode.residue * std::exp(mode.logPole * static_cast<double>(t - 1))).real();
    return h;
  }

  Rows hyena(const Rows& x, const BlockDescription& block) const {
    const std::size_t width = static_cast<std::size_t>(m_model.width);
    const Rows p = shortFilter(linear(x, block.prefix + ".mixer.in_proj"), block.prefix + ".mixer.short_filter");
    const auto stream = [&](std::size_t t, std::size_t index, std::size_t c) { return p[t][index * width + c]; };
    const std::size_t order = static_cast<std::size_t>(m_model.hyenaOrder);
    Rows v(x.size(), Row(width));
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t c = 0; c < width; ++c) v[t][c] = stream(t, order, c);
    for (std::size_t k = 0; k + 1 < order; ++k) {
      for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t c = 0; c < width; ++c) v[t][c] *= stream(t, order - 1 - k, c);
      Rows y = v;
      for (std::size_t c = 0; c < width; ++c) {
        double skip = 0;
        const Row h = response(block.banks[k], static_cast<int>(c), x.size(), skip);
        for (std::size_t t = 0; t < x.size(); ++t) {
          double sum = skip * v[t][c];
          for (std::size_t s = 0; s <= t; ++s) sum += h[t - s] * v[s][c];
          y[t][c] = sum;
        }
      }
      v = y;
    }
    for (std::size_t t = 0; t < x.size(); ++t)
      for (std::size_t c = 0; c < width; ++c) v[t][c] *= stream(t, 0, c);
    return linear(v, block.prefix + ".mixer.out_proj");
  }

  Rows multiHyena(const Rows& x, const std::string& prefix, int bank) const {
    const std::size_t heads = static_cast<std::size_t>(m_model.heads);
    const std::size_t width = static_cast<std::size_t>(m_model.width), size = width / heads;
    const Rows p = shortFilter(linear(x, prefix + ".in_proj"), prefix + ".short_filter");
    Rows y(x.size(), Row(width));
    for (std::size_t m = 0; m < heads; ++m) {
      double skip = 0;
      const Row h = response(bank, static_cast<int>(m), x.size(), skip);
      const std::size_t q = 3 * size * m, k = q + size, v = k + size;
      for (std::size_t t = 0; t < x.size(); ++t)
        for (std::size_t i = 0; i < size; ++i)
          for (std::size_t j = 0; j < size; ++j) {
            double sum = 0;
            for (std::size_t s = 0; s <= t; ++s) sum += h[t - s] * p[s][k + i] * p[s][v + j];
            y[t][m * size + j] += p[t][q + i] * sum;
          }
    }
    Rows out = linear(rms(y, prefix + ".norm"), prefix + ".out_proj");
    add(out, x);
    return out;
  }

  Rows attention(const Rows& x, const std::string& prefix) const {
    const std::size_t heads = static_cast<std::size_t>(m_model.heads);
    const std::size_t width = static_cast<std::size_t>(m_model.width), size = width / heads;
    const Rows qkv = linear(x, prefix + ".Wqkv");
    Rows y(x.size(), Row(width));
    for (std::size_t m = 0; m < heads; ++m)
      for (std::size_t t = 0; t < x.size(); ++t) {
        Row p(t + 1);
        double total = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t i = 0; i < size; ++i) p[s] += qkv[t][m * size + i] * qkv[s][width + m * size + i];
          p[s] = std::exp(p[s] / std::sqrt(static_cast<double>(size)));
          total += p[s];
        }
        for (std::size_t s = 0; s <= t; ++s)
          for (std::size_t i = 0; i < size; ++i) y[t][m * size + i] += p[s] / total * qkv[s][2 * width + m * size + i];
      }
    return linear(y, prefix + ".out_proj");
  }

  const Checkpoint& m_checkpoint;
  const LanguageModel& m_model;
  const Distilled* m_distilled;
};

}  // namespace

Rows oracleLogits(const Checkpoint& checkpoint, const std::vector<int>& tokens, const Distilled* distilled) {
  return Oracle(checkpoint, distilled).logits(tokens);
}

Rows oracleFilterInputs(const Checkpoint& checkpoint, const std::vector<int>& tokens) {
  return Oracle(checkpoint, nullptr).filterInputs(tokens);
}

Rows oracleProduct(const Rows& x, const Row& weight) {
  Rows y;
  for (const Row& row : x) {
    Row out(weight.size() / row.size());
    for (std::size_t o = 0; o < out.size(); ++o)
      for (std::size_t i = 0; i < row.size(); ++i) out[o] += weight[o * row.size() + i] * row[i];
    y.push_back(out);
  }
  return y;
}

double relativeError(const std::vector<float>& a, const Rows& b, std::size_t first, std::size_t count) {
  const std::size_t width = b[0].size(), last = count > 0 ? first + count : b.size();
  double difference = 0, norm = 0;
  for (std::size_t t = first; t < last; ++t)
    for (std::size_t i = 0; i < width; ++i) {
      const double d = a[(t - first) * width + i] - b[t][i];
      difference += d * d;
      norm += b[t][i] * b[t][i];
    }
  return std::sqrt(difference / norm);
}
