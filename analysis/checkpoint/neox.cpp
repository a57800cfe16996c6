// GPT-NeoX and Pythia (EleutherAI/gpt-neox as transformers writes it): rotary embedding on a part of each head,
// attention and MLP beside each other.
#include <algorithm>
#include <array>

#include "analysis/checkpoint/families.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"GPT-NeoX", "gpt_neox.layers.i.attention.query_key_value.weight", false, true,
                                          "the Transformer to compare with"}};

bool readNeoX(Survey& survey) {
  const std::string root = survey.has("gpt_neox.embed_in.weight") ? "gpt_neox." : "";
  const auto prefixOf = [&](int layer) { return root + "layers." + std::to_string(layer); };
  if (!survey.has(prefixOf(0) + ".attention.query_key_value.weight")) return false;
  survey.recognise(families[0], prefixOf(0) + ".attention.query_key_value.weight");
  LanguageModel model;
  bool complete = true;
  const auto need = [&](const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  };
  const int layers = survey.fromShape("layers", survey.countLayers(root + "layers."), {"num_hidden_layers"});
  const int width = survey.fromShape("width", survey.size(root + "embed_in.weight", 1), {"hidden_size"});
  model.family = "gpt-neox";
  model.frame = ModelFrame::neox;
  model.width = width;
  model.attentionPerHead = true;
  model.heads = survey.integer("heads", {"num_attention_heads"}, std::max(1, width / 64));
  if (model.heads < 1 || width < 1 || width % model.heads != 0) {
    survey.report.shapeMismatch.push_back("heads: " + std::to_string(model.heads) + " do not divide the width");
    return true;
  }
  const double share = survey.number("rotary share", {"rotary_pct"}, 0.25);
  model.rotaryDimensions = std::clamp(static_cast<int>(share * (width / model.heads)) / 2 * 2, 0, width / model.heads);
  model.rotaryBase = survey.number("rotary base", {"rotary_emb_base"}, 10000);
  model.parallelResidual = survey.flag("parallel residual", {"use_parallel_residual"}, true, true);
  model.layerNormEpsilon = survey.number("norm epsilon", {"layer_norm_eps"}, 1e-5);
  model.trainingLengthTokens = survey.integer("training length", {"max_position_embeddings"}, 2048);
  const std::string act = survey.word("activation", {"hidden_act"}, "gelu", {"gelu", "gelu_new"});
  if (act != "gelu" && act != "gelu_new") {
    survey.report.shapeMismatch.push_back("activation: " + act + " is not known");
    complete = false;
  }
  model.vocabularyPadded = survey.size(root + "embed_in.weight", 0);
  model.vocabularySize = std::clamp(survey.integer("vocabulary", {"vocab_size"}, model.vocabularyPadded), 1,
                                    std::max(1, model.vocabularyPadded));
  need(root + "embed_in.weight", {-1, width});
  for (int layer = 0; layer < layers; ++layer) {
    BlockDescription block;
    block.prefix = prefixOf(layer);
    block.mixer = MixerKind::attention;
    block.activation = act == "gelu" ? Activation::geluErf : Activation::geluTanh;
    if (model.innerWidth == 0) model.innerWidth = survey.size(block.prefix + ".mlp.dense_h_to_4h.weight", 0);
    const auto linear = [&](const std::string& name, int outputs, int inputs) {
      need(block.prefix + name + ".weight", {outputs, inputs});
      need(block.prefix + name + ".bias", {outputs});
    };
    linear(".attention.query_key_value", 3 * width, width);
    linear(".attention.dense", width, width);
    linear(".mlp.dense_h_to_4h", model.innerWidth, width);
    linear(".mlp.dense_4h_to_h", width, model.innerWidth);
    for (const char* norm : {".input_layernorm", ".post_attention_layernorm"}) {
      need(block.prefix + norm + ".weight", {width});
      need(block.prefix + norm + ".bias", {width});
    }
    for (const char* harmless : {".attention.bias", ".attention.masked_bias", ".attention.rotary_emb.inv_freq"})
      survey.allow(block.prefix + harmless);
    model.blocks.push_back(std::move(block));
  }
  survey.fromShape("inner width", model.innerWidth, {"intermediate_size"});
  need(root + "final_layer_norm.weight", {width});
  need(root + "final_layer_norm.bias", {width});
  model.tiedHead = !survey.has("embed_out.weight");
  if (!model.tiedHead) need("embed_out.weight", {model.vocabularyPadded, width});
  if (complete) survey.model = std::move(model);
  return true;
}

}  // namespace

const FamilyReader neoxReader{readNeoX, families};

}  // namespace analysis
