// A tiny file of every family, all of its tensors present, as the public implementations name and shape them. Random
// numbers: whoever needs their meaning computes it from the bytes.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/analysis/hyenamodels.h"

namespace familyfiles {

struct File {
  std::string title, family;
  std::vector<writers::Tensor> tensors;
  std::map<std::string, std::string> choices;
  nlohmann::json metadata;             // beside the tensors
  std::string prefix;                  // of most names, absent from the report's
  bool filters = true, runs = true;    // it has filters, and is described as a language model
  // Tensors that nobody misses, by what takes their place: "" nothing, "tied" another one, or a setting's name.
  std::map<std::string, std::string> dispensable;

  File(std::string called, std::string is) : title(std::move(called)), family(std::move(is)) {}

  void add(const std::string& key, const std::vector<std::int64_t>& shape, float scale = 0.3f) {
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= std::size_t(size);
    const auto seed = unsigned(tensors.size() + 100 * title.size());
    tensors.push_back(writers::floats(key, shape, writers::randomNumbers(count, seed, scale)));
  }
  void linear(const std::string& key, int outputs, int inputs, bool bias = true) {
    add(key + ".weight", {outputs, inputs});
    if (bias) add(key + ".bias", {outputs});
  }
  void norm(const std::string& key, int width) {
    add(key + ".weight", {width});
    add(key + ".bias", {width});
  }
  void spare(const std::string& key, const std::string& instead = "") { dispensable[key] = instead; }
  // The name in the report.
  std::string canonical(const std::string& name) const {
    return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  }
};

inline File safari(const std::string& title, const std::string& family, const models::Model& model) {
  File file(title, family);
  file.tensors = model.tensors();
  return file;
}

// The last weight has as many rows as the one before it: nothing but its name tells them apart.
inline File hyena() {
  models::Model model(4, 1, 3, 8, 2);
  for (const char* layer : {"layers.0.", "layers.1."}) {
    model.addImplicitFilter(std::string(layer) + "mixer.filter_fn.", 4, 10, 5, 4);
  }
  File file = safari("Hyena", "Hyena", model);
  for (const char* layer : {"layers.0.", "layers.1."}) {
    for (const char* index : {"1", "3", "5"})
      file.spare(std::string(layer) + "mixer.filter_fn.implicit_filter." + index + ".freq", "tied");
  }
  return file;
}

inline File hyenaDna() {
  models::Model model(4, 1, 5, 16, 2);
  for (const char* layer : {"layers.0.", "layers.1."}) {
    const std::string filter = std::string(layer) + "mixer.filter_fn.";
    model.addImplicitFilter(filter, 4, 10, 5, 3);
    for (const char* index : {"3", "5"}) model.erase(filter + "implicit_filter." + index + ".freq");
  }
  model.addHead(true);
  File file = safari("HyenaDNA", "HyenaDNA", model);
  file.prefix = "hyena.backbone.";
  for (writers::Tensor& tensor : file.tensors)
    if (tensor.name != "lm_head.weight") tensor.name = file.prefix + tensor.name;
  file.spare("lm_head.weight", "tied");
  return file;
}

inline File multiHyena() {
  constexpr int width = 4, heads = 2, inner = 6;
  models::Model filters(4, 1, 7, 8, 0);
  File file("MultiHyena", "MultiHyena");
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    for (const std::string name : {"model.", "model2."}) {
      const std::string op = layer + name;
      file.linear(op + "in_proj", 3 * width, width);
      file.linear(op + "out_proj", width, width);
      file.add(op + "short_filter.weight", {3 * width, 1, 3});
      file.add(op + "short_filter.bias", {3 * width});
      file.add(op + "norm.weight", {width});
      filters.addImplicitFilter(op + "filter.", heads, 10, 5, 3);
      file.spare(op + "filter.bias");
      for (const char* index : {"1", "3", "5"}) file.spare(op + "filter.implicit_filter." + index + ".freq", "tied");
    }
    for (const char* norm : {"norm1", "norm2", "norm3"}) file.add(layer + norm + ".weight", {width});
    file.linear(layer + "l1", 2 * inner, width);
    file.linear(layer + "l2", width, inner);
  }
  for (const writers::Tensor& tensor : filters.tensors()) file.tensors.push_back(tensor);  // with embedding and last norm
  return file;
}

inline File hyenaRtf() {
  models::Model model(4, 1, 9, 8, 2);
  for (const char* layer : {"layers.0.", "layers.1."})
    model.addRtf(std::string(layer) + "mixer.filter_fn.", 4, 2, 3, true);
  File file = safari("Hyena-RTF", "Hyena-RTF", model);
  file.choices["truncation length"] = "16";
  return file;
}

inline File gpt() {
  models::Model model(64, 0, 11, 8, 2);
  for (const char* layer : {"layers.0.", "layers.1."}) model.addAttention(std::string(layer) + "mixer.");
  model.addPositions(12);
  File file = safari("GPT", "GPT", model);
  file.filters = false;
  file.spare("embeddings.position_embeddings.weight", "positions");
  return file;
}

inline File neox() {
  constexpr int width = 8, inner = 12;
  File file("GPT-NeoX", "GPT-NeoX");
  file.filters = false;
  file.add("gpt_neox.embed_in.weight", {20, width});
  file.add("embed_out.weight", {20, width});
  file.norm("gpt_neox.final_layer_norm", width);
  for (const std::string layer : {"gpt_neox.layers.0.", "gpt_neox.layers.1."}) {
    file.linear(layer + "attention.query_key_value", 3 * width, width);
    file.linear(layer + "attention.dense", width, width);
    file.linear(layer + "mlp.dense_h_to_4h", inner, width);
    file.linear(layer + "mlp.dense_4h_to_h", width, inner);
    file.norm(layer + "input_layernorm", width);
    file.norm(layer + "post_attention_layernorm", width);
    file.add(layer + "attention.masked_bias", {});
    file.spare(layer + "attention.masked_bias");
  }
  file.spare("embed_out.weight", "tied");
  return file;
}

// What stands around the mixers of H3, of width 64.
inline void addFrame(File& file, const std::string& layer) {
  file.norm(layer + "norm1", 64);
  file.norm(layer + "norm2", 64);
  file.linear(layer + "mlp.fc1", 10, 64);
  file.linear(layer + "mlp.fc2", 64, 10);
}

inline File h3() {
  File file("H3", "H3");
  file.add("embeddings.word_embeddings.weight", {8, 64});
  file.norm("ln_f", 64);
  for (const std::string layer : {"layers.0.", "layers.1.", "layers.2."}) {
    const std::string mixer = layer + "mixer.";
    addFrame(file, layer);
    if (layer == "layers.1.") {
      file.linear(mixer + "Wqkv", 192, 64);
      file.linear(mixer + "out_proj", 64, 64);
      continue;
    }
    for (const char* name : {"q_proj", "k_proj", "v_proj", "output_linear"}) file.linear(mixer + name, 64, 64);
    file.add(mixer + "ssm_k_kernel.kernel.B", {64, 5});
    file.add(mixer + "ssm_k_kernel.kernel.C", {1, 64, 5});
    file.add(mixer + "ssm_k_D", {64});
    file.add(mixer + "kernel.kernel.C", {1, 64, 2, 2});
    file.add(mixer + "kernel.kernel.B", {1, 2, 2});
    file.add(mixer + "kernel.kernel.log_dt", {64});
    file.add(mixer + "kernel.kernel.inv_A_real", {1, 2});
    file.add(mixer + "kernel.kernel.A_imag", {1, 2});
    file.add(mixer + "D", {64});
  }
  return file;
}

// Three or four blocks; the one before the last is attention, or the last.
inline File striped(bool second) {
  constexpr int width = 8, inner = 12;
  File file(second ? "Evo 2" : "Evo 1", second ? "StripedHyena 2 (Evo 2)" : "StripedHyena (Evo 1)");
  file.add("embedding_layer.weight", {20, width});
  file.add("unembed.weight", {20, width});
  file.spare("unembed.weight", "tied");
  file.add("norm.scale", {width});
  for (int block = 0; block < (second ? 4 : 3); ++block) {
    const std::string prefix = "blocks." + std::to_string(block) + ".", filter = prefix + "filter.";
    for (const char* norm : {"pre_norm.scale", "post_norm.scale"}) file.add(prefix + norm, {width});
    file.add(prefix + "mlp.l1.weight", {inner, width});
    file.add(prefix + "mlp.l2.weight", {inner, width});
    file.add(prefix + "mlp.l3.weight", {width, inner});
    if (block == (second ? 3 : 1)) {
      file.linear(prefix + "inner_mha_cls.Wqkv", 3 * width, width, !second);
      file.linear(prefix + "inner_mha_cls.out_proj", width, width);
      file.add(prefix + "inner_mha_cls.rotary_emb.inv_freq", {2});
      for (const char* name : {"Wqkv.bias", "out_proj.bias", "rotary_emb.inv_freq"})
        file.spare(prefix + "inner_mha_cls." + name);  // the only block that could have them
      continue;
    }
    file.linear(prefix + "projections", 3 * width, width, !second);
    file.add(filter + "short_filter_weight", {3 * width, 1, 3});
    if (!second) file.add(filter + "short_filter_bias", {3 * width});
    file.linear(prefix + "out_filter_dense", width, width);
    if (!second) {
      file.add(filter + "poles", {width, 2, 1, 2});
      file.add(filter + "residues", {width, 2, 1, 2});
    } else if (block == 2) {
      file.add(filter + "log_poles", {width, 3, 1});
      file.add(filter + "residues", {width, 3});
    } else {
      file.add(filter + "h", {2, 1, block == 0 ? 7 : 128});
    }
    if (!second || block > 0) file.add(filter + "D", {width});
  }
  return file;
}

inline File s4d() {
  File file("S4D", "S4D");
  file.runs = false;
  for (const std::string module : {"layers.0.", "layers.1."}) {
    file.add(module + "kernel.C", {3, 2, 2});
    file.add(module + "kernel.log_dt", {3});
    file.add(module + "kernel.log_A_real", {3, 2});
    file.add(module + "kernel.A_imag", {3, 2});
    file.add(module + "D", {3});
    file.add(module + "output_linear.0.weight", {6, 3, 1});
    file.spare(module + "output_linear.0.weight");
  }
  return file;
}

// Version 4, diagonal or with a low-rank part, of two outputs for each of three inputs.
inline File s4(bool lowRank) {
  File file(lowRank ? "S4, low rank" : "S4", "S4");
  file.runs = false;
  for (const std::string module : {"layers.0.layer.", "layers.1.layer."}) {
    file.add(module + "kernel.C", {2, 3, 2, 2});
    file.add(module + "kernel.B", {1, 1, 2, 2});
    file.add(module + "kernel.inv_dt", {3, 1});
    file.add(module + "kernel.A_real", {1, 2});
    file.add(module + "kernel.A_imag", {1, 2});
    file.add(module + "D", {2, 3});
    if (!lowRank) continue;
    file.add(module + "kernel.P", {1, 1, 2, 2});
    file.tensors.push_back(writers::floats(module + "kernel.l_kernel", {}, {0}));
    file.spare(module + "kernel.l_kernel", module + "kernel.l_kernel");
  }
  return file;
}

inline File s4Third() {
  File file("S4, version 3", "S4");
  file.runs = false;
  for (const std::string module : {"layers.0.layer.", "layers.1.layer."}) {
    file.add(module + "kernel.kernel.C", {1, 3, 2, 2});
    file.add(module + "kernel.kernel.B", {1, 2, 2});
    file.add(module + "kernel.kernel.log_dt", {3});
    file.add(module + "kernel.kernel.inv_A_real", {1, 2});
    file.add(module + "kernel.kernel.A_imag", {1, 2});
    file.add(module + "D", {1, 3});
  }
  return file;
}

inline File longConvolution() {
  File file("Long convolution", "Long convolution");
  file.runs = false;
  for (const std::string module : {"layers.0.layer.", "layers.1.layer."}) {
    file.add(module + "kernel.kernel", {1, 3, 20});
    file.add(module + "D", {1, 3});
    file.linear(module + "output_linear.0", 6, 3);
    for (const char* part : {"weight", "bias"}) file.spare(module + "output_linear.0." + part);
  }
  return file;
}

inline File h3Conv() {
  File file("H3Conv", "H3Conv");
  file.runs = false;
  for (const std::string layer : {"layers.0.", "layers.1."}) {
    addFrame(file, layer);
    for (const char* name : {"q_proj", "k_proj", "v_proj", "output_linear"}) file.linear(layer + "mixer." + name, 64, 64);
  }
  for (const writers::Tensor& tensor : file.tensors) file.spare(tensor.name);
  for (const std::string mixer : {"layers.0.mixer.", "layers.1.mixer."}) {
    file.add(mixer + "k_kernel.kernel", {1, 64, 20});
    file.add(mixer + "k_D", {64});
    file.add(mixer + "kernel.kernel", {1, 64, 20});
    file.add(mixer + "D", {64});
  }
  return file;
}

inline File rtf() {
  File file("RTF", "RTF");
  file.runs = false;
  file.choices["truncation length"] = "16";
  for (const std::string module : {"a.", "b."}) {
    file.add(module + "ab", {4, 3});
    file.add(module + "h_0", {3});
    file.add(module + "scalar", {1});
  }
  return file;
}

inline File spectralLds() {
  File file("SpectraLDS", "SpectraLDS");
  file.runs = false;
  file.add("A", {5});
  file.add("B", {1, 5});
  file.add("C", {5, 4});
  file.add("h0", {5});
  file.spare("h0");
  return file;
}

inline File distilled() {
  File file("Distilled models", "Distilled models");
  file.runs = false;
  file.metadata = {{"format", "polecat-statespace"}, {"length", "30"}};
  for (const std::string bank : {"layers.0.x.", "layers.1.x."}) {
    for (const char* table : {"poles", "residues"}) file.add(bank + table, {3, 2, 2});
    for (const char* table : {"feedthrough", "skip", "order", "error", "certificate"}) file.add(bank + table, {3});
    for (const char* table : {"error", "certificate"}) file.spare(bank + table);
  }
  return file;
}

inline std::vector<File> all() {
  return {hyena(),  hyenaDna(),     multiHyena(), hyenaRtf(), gpt(),           neox(),     h3(),  striped(false), striped(true),
          s4d(),    s4(false),      s4(true),     s4Third(),  longConvolution(), h3Conv(), rtf(), spectralLds(),  distilled()};
}

}  // namespace familyfiles
