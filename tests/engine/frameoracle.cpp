#include "frameoracle.h"

#include <cmath>
#include <complex>
#include <numbers>

namespace {

using Row = std::vector<double>;
using Complex = std::complex<double>;
constexpr int width = 8, heads = 2, headWidth = 4, inner = 12, length = 48;

class Oracle {
 public:
  Oracle(const FrameFile& file, bool half, const std::function<std::vector<double>(int, int)>& responses)
      : m_file(file), m_half(half), m_responses(responses) {}

  Rows logits(const std::vector<int>& tokens) {
    const bool neox = m_file.name.starts_with("neox"), h3 = m_file.name == "h3";
    const std::string embedding = neox ? "gpt_neox.embed_in.weight"
                                  : h3 ? "embeddings.word_embeddings.weight"
                                       : "embedding_layer.weight";
    const Row table = matrix(embedding);
    Rows r;
    for (const int id : tokens) r.emplace_back(table.begin() + id * width, table.begin() + (id + 1) * width);
    for (int i = 0;; ++i) {
      const std::string safari = "layers." + std::to_string(i) + ".", striped = "blocks." + std::to_string(i) + ".";
      if (neox && has("gpt_neox." + safari + "attention.dense.weight"))
        neoxBlock(r, "gpt_neox." + safari);
      else if (h3 && has(safari + "norm1.weight"))
        h3Block(r, safari);
      else if (has(striped + "pre_norm.scale"))
        stripedBlock(r, striped, i);
      else
        break;
    }
    const Rows n = neox ? layerNorm(r, "gpt_neox.final_layer_norm") : h3 ? layerNorm(r, "ln_f") : rms(r, "norm.scale");
    const std::string head = neox ? "embed_out.weight" : has("unembed.weight") ? "unembed.weight" : embedding;
    return oracleProduct(n, matrix(head));
  }

 private:
  bool has(const std::string& key) const { return m_file.tensors.contains(key); }
  Row values(const std::string& key) const {
    const auto& v = m_file.tensors.at(key).values;
    return {v.begin(), v.end()};
  }
  Row matrix(const std::string& key) const {
    Row v = values(key);
    if (m_half)
      for (double& x : v) {  // to eight significant bits, ties to even
        int exponent = 0;
        const double mantissa = std::frexp(x, &exponent);
        x = std::ldexp(std::nearbyint(mantissa * 256), exponent - 8);
      }
    return v;
  }
  Rows linear(const Rows& x, const std::string& key) const {
    Rows y = oracleProduct(x, matrix(key + ".weight"));
    if (!has(key + ".bias")) return y;
    const Row bias = values(key + ".bias");
    for (Row& row : y)
      for (std::size_t i = 0; i < row.size(); ++i) row[i] += bias[i];
    return y;
  }
  static void add(Rows& to, const Rows& what) {
    for (std::size_t t = 0; t < to.size(); ++t)
      for (std::size_t i = 0; i < to[t].size(); ++i) to[t][i] += what[t][i];
  }
  Rows layerNorm(Rows x, const std::string& key) const {
    const Row scale = values(key + ".weight"), shift = values(key + ".bias");
    for (Row& row : x) {
      double mean = 0, variance = 0;
      for (const double v : row) mean += v / width;
      for (const double v : row) variance += (v - mean) * (v - mean) / width;
      for (std::size_t i = 0; i < width; ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + 1e-5) * scale[i] + shift[i];
    }
    return x;
  }
  Rows rms(Rows x, const std::string& key) const {
    const Row scale = values(key);
    for (Row& row : x) {
      double square = 0;
      for (const double v : row) square += v * v / width;
      const double root = m_file.name == "striped" ? std::sqrt(square + 1e-3) : std::sqrt(square) + 1e-3;
      for (std::size_t i = 0; i < width; ++i) row[i] *= scale[i] / root;
    }
    return x;
  }
  static double geluErf(double x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2)); }
  static double geluTanh(double x) {
    return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
  }

  // q, k, v of a head at a token; `keys`: heads of keys and values.
  using Pick = std::function<double(std::size_t t, int which, int head, int j)>;
  Rows attention(std::size_t tokens, const Pick& pick, int dims, double base, double scale) const {
    const auto turned = [&](std::size_t t, int which, int head, int j) {
      if (which == 2 || j >= dims) return pick(t, which, head, j);
      const int pair = j % (dims / 2);
      const double angle = static_cast<double>(t) / scale * std::pow(base, -2.0 * pair / dims);
      const double x = pick(t, which, head, pair), y = pick(t, which, head, pair + dims / 2);
      return j < dims / 2 ? x * std::cos(angle) - y * std::sin(angle) : y * std::cos(angle) + x * std::sin(angle);
    };
    Rows y(tokens, Row(width));
    for (int head = 0; head < heads; ++head)
      for (std::size_t t = 0; t < tokens; ++t) {
        Row p(t + 1);
        double total = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          for (int j = 0; j < headWidth; ++j) p[s] += turned(t, 0, head, j) * turned(s, 1, head, j);
          total += p[s] = std::exp(p[s] / std::sqrt(static_cast<double>(headWidth)));
        }
        for (std::size_t s = 0; s <= t; ++s)
          for (int j = 0; j < headWidth; ++j)
            y[t][static_cast<std::size_t>(head * headWidth + j)] += p[s] / total * pick(s, 2, head, j);
      }
    return y;
  }

  // h and D of channel c: taps as the file means them, or the replacement of its filter.
  Row convolved(const Row& u, Row h, double skip, int filter) const {
    if (const auto other = m_responses(m_bank, filter); !other.empty()) h = other;
    Row y(u.size());
    for (std::size_t t = 0; t < u.size(); ++t) {
      y[t] = skip * u[t];
      for (std::size_t s = 0; s <= t; ++s)
        if (t - s < h.size()) y[t] += h[t - s] * u[s];
    }
    return y;
  }
  Rows convolve(const Rows& u, const std::function<Row(int)>& taps, const Row& skips,
                const std::function<int(int)>& filterOf) {
    Rows y = u;
    for (int c = 0; c < width; ++c) {
      Row one;
      for (const Row& row : u) one.push_back(row[static_cast<std::size_t>(c)]);
      const Row out = convolved(one, taps(c), skips.empty() ? 0 : skips[static_cast<std::size_t>(c)], filterOf(c));
      for (std::size_t t = 0; t < u.size(); ++t) y[t][static_cast<std::size_t>(c)] = out[t];
    }
    ++m_bank;
    return y;
  }

  Rows stripedConvolution(const Rows& u, const std::string& filter) {
    const Row skips = has(filter + "D") ? values(filter + "D") : Row();
    if (has(filter + "poles")) {
      const Row poles = values(filter + "poles"), residues = values(filter + "residues");
      return convolve(
          u,
          [&](int c) {
            Row h(length);
            for (std::size_t k = static_cast<std::size_t>(4 * c); k < static_cast<std::size_t>(4 * c + 4); k += 2)
              for (int t = 0; t < length; ++t)
                h[static_cast<std::size_t>(t)] +=
                    (Complex(residues[k], residues[k + 1]) * std::pow(Complex(poles[k], poles[k + 1]), t)).real();
            return h;
          },
          skips, [](int c) { return c; });
    }
    if (has(filter + "log_poles")) {
      const Row logs = values(filter + "log_poles"), residues = values(filter + "residues");
      return convolve(
          u,
          [&](int c) {
            Row h(length);
            for (std::size_t k = static_cast<std::size_t>(3 * c); k < static_cast<std::size_t>(3 * c + 3); ++k)
              for (int t = 0; t < length; ++t) h[static_cast<std::size_t>(t)] += residues[k] * std::exp(logs[k] * t);
            return h;
          },
          skips, [](int c) { return c; });
    }
    const Row taps = values(filter + "h");
    const std::size_t count = taps.size() / 2;
    const bool transformed = !skips.empty();
    return convolve(
        u,
        [&](int c) {
          const auto first = taps.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(c / 4) * count);
          Row h(first, first + static_cast<std::ptrdiff_t>(count));
          return transformed ? h : Row(h.rbegin(), h.rend());
        },
        skips, [=](int c) { return transformed ? c : c / 4; });
  }

  void stripedBlock(Rows& r, const std::string& prefix, int index) {
    const bool second = m_file.name == "evo2", grouped = m_file.name == "striped";
    const Rows n = rms(r, prefix + "pre_norm.scale");
    if (has(prefix + "inner_mha_cls.Wqkv.weight")) {
      const Rows p = linear(n, prefix + "inner_mha_cls.Wqkv");
      const Pick pick = [&](std::size_t t, int which, int head, int j) {
        if (second) return p[t][static_cast<std::size_t>((3 * head + which) * headWidth + j)];
        if (grouped && which > 0) return p[t][static_cast<std::size_t>(width + (which - 1) * headWidth + j)];
        return p[t][static_cast<std::size_t>(which * width + head * headWidth + j)];
      };
      add(r, linear(attention(r.size(), pick, headWidth, grouped ? 500 : 100, m_file.name == "evo" ? 4 : 1),
                    prefix + "inner_mha_cls.out_proj"));
    } else {
      const Rows p = linear(n, prefix + "projections");
      const Row taps = values(prefix + "filter.short_filter_weight");
      Rows z = p;
      for (std::size_t t = 0; t < p.size(); ++t)
        for (std::size_t c = 0; c < 3 * width; ++c) {
          z[t][c] = has(prefix + "filter.short_filter_bias") ? values(prefix + "filter.short_filter_bias")[c] : 0;
          for (std::size_t j = 0; j < 3; ++j)
            if (t + j >= 2) z[t][c] += taps[3 * c + j] * p[t + j - 2][c];
        }
      // which: 0 = x2, the outer gate; 1 = x1; 2 = v
      const auto pick = [&](std::size_t t, int which, std::size_t c) {
        if (second) return z[t][3 * c + static_cast<std::size_t>(which == 2 ? 2 : 1 - which)];  // flipped
        if (grouped) return z[t][static_cast<std::size_t>(which) * width + c];
        return z[t][(3 * (c / headWidth) + static_cast<std::size_t>(which)) * headWidth + c % headWidth];
      };
      Rows u(z.size(), Row(width));
      for (std::size_t t = 0; t < z.size(); ++t)
        for (std::size_t c = 0; c < width; ++c) u[t][c] = pick(t, 1, c) * pick(t, 2, c);
      Rows y = stripedConvolution(u, prefix + "filter.");
      for (std::size_t t = 0; t < z.size(); ++t)
        for (std::size_t c = 0; c < width; ++c) y[t][c] *= pick(t, 0, c);
      add(r, linear(y, prefix + "out_filter_dense"));
    }
    const Rows m = rms(r, prefix + "post_norm.scale");
    Rows a = linear(m, prefix + "mlp.l1");
    const Rows b = linear(m, prefix + "mlp.l2");
    for (std::size_t t = 0; t < a.size(); ++t)
      for (std::size_t i = 0; i < inner; ++i) {
        const double x = a[t][i];
        const double f = grouped ? x / (1 + std::exp(-x)) : second && index > 0 ? x : geluErf(x);
        a[t][i] = f * b[t][i];
      }
    add(r, linear(a, prefix + "mlp.l3"));
  }

  void h3Block(Rows& r, const std::string& prefix) {
    const std::string mixer = prefix + "mixer.";
    const Rows n = layerNorm(r, prefix + "norm1");
    if (has(mixer + "Wqkv.weight")) {
      const Rows p = linear(n, mixer + "Wqkv");
      const Pick pick = [&](std::size_t t, int which, int head, int j) {
        return p[t][static_cast<std::size_t>(which * width + head * headWidth + j)];
      };
      add(r, linear(attention(r.size(), pick, 0, 1, 1), mixer + "out_proj"));
    } else {
      const Rows q = linear(n, mixer + "q_proj"), v = linear(n, mixer + "v_proj");
      const Row shiftB = values(mixer + "ssm_k_kernel.kernel.B"), shiftC = values(mixer + "ssm_k_kernel.kernel.C");
      Rows k = convolve(
          linear(n, mixer + "k_proj"),
          [&](int c) {
            Row h(5);
            for (std::size_t t = 0; t < 5; ++t)
              for (std::size_t s = 0; s + t < 5; ++s)
                h[t] += shiftB[static_cast<std::size_t>(c) * 5 + s] * shiftC[static_cast<std::size_t>(c) * 5 + s + t];
            return h;
          },
          values(mixer + "ssm_k_D"), [](int c) { return c; });
      for (std::size_t t = 0; t < k.size(); ++t)
        for (std::size_t c = 0; c < width; ++c) k[t][c] *= v[t][c];
      const std::string kernel = mixer + "kernel.kernel.";
      const Row C = values(kernel + "C"), B = values(kernel + "B"), logDt = values(kernel + "log_dt"),
                re = values(kernel + "inv_A_real"), im = values(kernel + "A_imag");
      Rows y = convolve(
          k,
          [&](int c) {
            Row h(length);
            const double dt = std::exp(logDt[static_cast<std::size_t>(c)]);
            for (std::size_t m = 0; m < 2; ++m) {
              const std::size_t at = static_cast<std::size_t>(4 * c) + 2 * m;
              const Complex a(-std::exp(re[m]), im[m]), down = 1.0 - dt / 2 * a;
              const Complex pole = (1.0 + dt / 2 * a) / down;
              const Complex weight = Complex(C[at], C[at + 1]) * Complex(B[2 * m], B[2 * m + 1]) * dt / down;
              for (int t = 0; t < length; ++t)
                h[static_cast<std::size_t>(t)] += 2 * (weight * std::pow(pole, t)).real();
            }
            return h;
          },
          values(mixer + "D"), [](int c) { return c; });
      for (std::size_t t = 0; t < y.size(); ++t)
        for (std::size_t c = 0; c < width; ++c) y[t][c] *= q[t][c];
      add(r, linear(y, mixer + "output_linear"));
    }
    Rows hidden = linear(layerNorm(r, prefix + "norm2"), prefix + "mlp.fc1");
    for (Row& row : hidden)
      for (double& x : row) x = geluTanh(x);
    add(r, linear(hidden, prefix + "mlp.fc2"));
  }

  void neoxBlock(Rows& r, const std::string& prefix) {
    const Rows p = linear(layerNorm(r, prefix + "input_layernorm"), prefix + "attention.query_key_value");
    const Pick pick = [&](std::size_t t, int which, int head, int j) {
      return p[t][static_cast<std::size_t>((3 * head + which) * headWidth + j)];
    };
    const Rows attended = linear(attention(r.size(), pick, headWidth / 2, 50, 1), prefix + "attention.dense");
    Rows between = r;
    if (m_file.name == "neox serial") add(between, attended);
    Rows hidden = linear(layerNorm(between, prefix + "post_attention_layernorm"), prefix + "mlp.dense_h_to_4h");
    for (Row& row : hidden)
      for (double& x : row) x = geluErf(x);
    add(r, attended);
    add(r, linear(hidden, prefix + "mlp.dense_4h_to_h"));
  }

  const FrameFile& m_file;
  bool m_half;
  const std::function<std::vector<double>(int, int)>& m_responses;
  int m_bank = 0;  // in order of use: as the checkpoint numbers them
};

}  // namespace

Rows frameLogits(const FrameFile& file, const std::vector<int>& tokens, bool half,
                 const std::function<std::vector<double>(int bank, int filter)>& responses) {
  return Oracle(file, half, responses).logits(tokens);
}
