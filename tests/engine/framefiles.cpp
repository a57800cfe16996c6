// The files of frameoracle.h: random numbers under the names of the public implementations.
#include <cmath>
#include <complex>
#include <random>

#include "frameoracle.h"

namespace {

using Complex = std::complex<double>;
constexpr int vocabulary = 20;

class Writer {
 public:
  Writer(const std::string& name, int width) : m_random(17), m_width(width) {
    file.name = name;
    file.vocabulary = vocabulary;
  }
  void add(const std::string& key, std::vector<std::int64_t> shape, double deviation, double mean = 0) {
    std::size_t count = 1;
    for (const auto size : shape) count *= static_cast<std::size_t>(size);
    std::normal_distribution<double> normal(mean, deviation);
    auto& tensor = file.tensors[key];
    tensor.shape = std::move(shape);
    for (std::size_t i = 0; i < count; ++i) tensor.values.push_back(static_cast<float>(normal(m_random)));
  }
  void linear(const std::string& key, int outputs, int inputs, bool bias) {
    add(key + ".weight", {outputs, inputs}, 1 / std::sqrt(inputs));
    if (bias) add(key + ".bias", {outputs}, 0.2);
  }
  void norm(const std::string& key, bool shift) {
    add(key + ".weight", {m_width}, 0.2, 1);
    if (shift) add(key + ".bias", {m_width}, 0.1);
  }
  double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(m_random); }
  FrameFile file;

 private:
  std::mt19937 m_random;
  int m_width;
};

FrameFile stripedFile(const std::string& name, int width, int inner) {
  const int headWidth = width / 2;
  const bool second = name == "evo2", grouped = name == "striped";
  Writer w(name, width);
  w.add("embedding_layer.weight", {vocabulary, width}, 1);
  if (grouped) w.add("unembed.weight", {vocabulary, width}, 0.4);
  w.add("norm.scale", {width}, 0.2, 1);
  const int blocks = second ? 4 : 3;
  for (int i = 0; i < blocks; ++i) {
    const std::string prefix = "blocks." + std::to_string(i) + ".";
    const bool attention = second ? i == 3 : i == 1;
    if (attention) {
      const int rows = grouped ? width + 2 * headWidth : 3 * width;
      w.linear(prefix + "inner_mha_cls.Wqkv", rows, width, name == "evo");
      w.linear(prefix + "inner_mha_cls.out_proj", width, width, !grouped);
    } else {
      w.linear(prefix + "projections", 3 * width, width, !second);
      w.add(prefix + "filter.short_filter_weight", {3 * width, 1, 3}, 0.5);
      if (!second) w.add(prefix + "filter.short_filter_bias", {3 * width}, 0.1);
      w.linear(prefix + "out_filter_dense", width, width, true);
      if (!second) {
        w.add(prefix + "filter.D", {width}, 0.5);
        auto &poles = w.file.tensors[prefix + "filter.poles"], &residues = w.file.tensors[prefix + "filter.residues"];
        poles.shape = residues.shape = {width, 2, 1, 2};
        for (int k = 0; k < 2 * width; ++k) {
          const Complex pole = std::polar(w.uniform(0.5, 0.95), k % 5 == 0 ? 0.0 : w.uniform(0.1, 3));
          for (const double part : {pole.real(), pole.imag()}) poles.values.push_back(static_cast<float>(part));
          for (int part = 0; part < 2; ++part) residues.values.push_back(static_cast<float>(w.uniform(-0.3, 0.3)));
        }
      } else if (i == 2) {
        w.add(prefix + "filter.log_poles", {width, 3, 1}, 0);
        for (float& g : w.file.tensors[prefix + "filter.log_poles"].values) g = static_cast<float>(-w.uniform(0.05, 1));
        w.add(prefix + "filter.residues", {width, 3}, 0.3);
        w.add(prefix + "filter.D", {width}, 0.5);
      } else {
        w.add(prefix + "filter.h", {2, 1, i == 0 ? 7 : 20}, 0.3);
        if (i == 1) w.add(prefix + "filter.D", {width}, 0.5);
      }
    }
    w.add(prefix + "pre_norm.scale", {width}, 0.2, 1);
    w.add(prefix + "post_norm.scale", {width}, 0.2, 1);
    for (const char* layer : {"mlp.l1", "mlp.l2"}) w.linear(prefix + layer, inner, width, false);
    w.linear(prefix + "mlp.l3", width, inner, false);
  }
  const std::string common = R"("num_attention_heads": 2, "max_seqlen": 48, "eps": 1e-3, )";
  w.file.configuration =
      grouped  ? "{" + common + R"("use_flash_rmsnorm": true, "mlp_activation": "silu", "rotary_emb_base": 500,
                                  "column_split_hyena": false})"
      : second ? "{" + common + R"("hyena_flip_x1x2": true, "rotary_emb_base": 100})"
               : "{" + common + R"("mlp_activation": "gelu", "rotary_emb_base": 100, "rotary_emb_scaling_factor": 4})";
  return w.file;
}

FrameFile h3File(int width, int inner) {
  Writer w("h3", width);
  w.add("embeddings.word_embeddings.weight", {vocabulary, width}, 1);
  w.norm("ln_f", true);
  for (int i = 0; i < 3; ++i) {
    const std::string prefix = "layers." + std::to_string(i) + ".", mixer = prefix + "mixer.";
    if (i == 1) {
      w.linear(mixer + "Wqkv", 3 * width, width, true);
      w.linear(mixer + "out_proj", width, width, true);
    } else {
      for (const char* name : {"q_proj", "k_proj", "v_proj", "output_linear"})
        w.linear(mixer + name, width, width, true);
      w.add(mixer + "ssm_k_kernel.kernel.B", {width, 5}, 0.5);
      w.add(mixer + "ssm_k_kernel.kernel.C", {1, width, 5}, 0.5);
      w.add(mixer + "ssm_k_D", {width}, 0.5);
      w.add(mixer + "kernel.kernel.C", {1, width, 2, 2}, 0.5);
      w.add(mixer + "kernel.kernel.B", {1, 2, 2}, 0.5);
      w.add(mixer + "kernel.kernel.log_dt", {width}, 0.3, -1);
      w.add(mixer + "kernel.kernel.inv_A_real", {1, 2}, 0.2, -0.5);
      w.add(mixer + "kernel.kernel.A_imag", {1, 2}, 1, 2);
      w.add(mixer + "D", {width}, 0.5);
    }
    w.norm(prefix + "norm1", true);
    w.norm(prefix + "norm2", true);
    w.linear(prefix + "mlp.fc1", inner, width, true);
    w.linear(prefix + "mlp.fc2", width, inner, true);
  }
  w.file.configuration = R"({"attn_cfg": {"num_heads": 2}, "l_max": 48})";
  return w.file;
}

FrameFile neoxFile(const std::string& name, int width, int inner) {
  Writer w(name, width);
  w.add("gpt_neox.embed_in.weight", {vocabulary, width}, 1);
  w.add("embed_out.weight", {vocabulary, width}, 0.4);
  w.norm("gpt_neox.final_layer_norm", true);
  for (int i = 0; i < 2; ++i) {
    const std::string prefix = "gpt_neox.layers." + std::to_string(i) + ".";
    w.linear(prefix + "attention.query_key_value", 3 * width, width, true);
    w.linear(prefix + "attention.dense", width, width, true);
    w.linear(prefix + "mlp.dense_h_to_4h", inner, width, true);
    w.linear(prefix + "mlp.dense_4h_to_h", width, inner, true);
    w.norm(prefix + "input_layernorm", true);
    w.norm(prefix + "post_attention_layernorm", true);
  }
  w.file.configuration = std::string(R"({"num_attention_heads": 2, "rotary_pct": 0.5, "rotary_emb_base": 50,
      "hidden_act": "gelu", "max_position_embeddings": 200, "use_parallel_residual": )") +
                         (name == "neox" ? "true}" : "false}");
  return w.file;
}

}  // namespace

FrameFile frameFile(const std::string& name, int width, int inner) {
  if (name == "h3") return h3File(width, inner);
  return name.starts_with("neox") ? neoxFile(name, width, inner) : stripedFile(name, width, inner);
}
