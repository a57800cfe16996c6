// GPT-NeoX and Pythia (EleutherAI/gpt-neox as transformers writes it): rotary embedding on a part of each head,
// attention and MLP beside each other.
#include <algorithm>
#include <array>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/languageframe.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"GPT-NeoX", "gpt_neox.layers.i.attention.query_key_value.weight", false, true,
                                          "the Transformer to compare with"}};

bool readNeoX(Survey& survey) {
  const std::string root = survey.hasBelow("gpt_neox.") ? "gpt_neox." : "";
  const auto prefixOf = [&](int layer) { return root + "layers." + std::to_string(layer); };
  const int layers = survey.countLayers(root + "layers.");
  bool found = false;
  for (int layer = 0; layer < layers; ++layer)
    found = found || survey.hasBelow(prefixOf(layer) + ".attention.query_key_value.");
  if (!found) return false;
  survey.recognise(families[0], root + "layers.*.attention.query_key_value.weight");
  LanguageModel model;
  bool complete = true;
  const auto need = [&](const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  };
  survey.fromShape("layers", layers, {"num_hidden_layers"});
  const int width = survey.fromShape(
      "width", survey.size({{root + "embed_in.weight", 1}, {root + "final_layer_norm.weight", 0}}), {"hidden_size"});
  model.family = "gpt-neox";
  model.frame = ModelFrame::neox;
  model.width = width;
  model.attentionPerHead = true;
  model.heads = survey.integer("heads", {"num_attention_heads"}, std::max(1, width / 64), headCounts(width));
  if (model.heads < 1 || width < 1 || width % model.heads != 0) {
    survey.report.shapeMismatch.push_back("heads: " + std::to_string(model.heads) + " do not divide the width");
    return true;
  }
  const double share = survey.number("rotary share", {"rotary_pct"}, 0.25, {"0.25", "1"});
  const int headWidth = width / model.heads;
  model.rotaryDimensions = std::clamp(static_cast<int>(share * headWidth) / 2 * 2, 0, headWidth);
  model.rotaryBase = survey.number("rotary base", {"rotary_emb_base"}, 10000, {"10000", "500000", "1000000"});
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
    if (model.innerWidth == 0) {
      const std::string mlp = block.prefix + ".mlp.dense_";
      model.innerWidth = survey.size({{mlp + "h_to_4h.weight", 0}, {mlp + "h_to_4h.bias", 0}, {mlp + "4h_to_h.weight", 1}});
    }
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
    for (const char* mask : {".attention.bias", ".attention.masked_bias"})
      survey.harmless(block.prefix + mask, "the mask is causal");
    survey.harmless(block.prefix + ".attention.rotary_emb.inv_freq", "it follows from the rotary base");
    model.blocks.push_back(std::move(block));
  }
  survey.fromShape("inner width", model.innerWidth, {"intermediate_size"});
  need(root + "final_layer_norm.weight", {width});
  need(root + "final_layer_norm.bias", {width});
  const auto tie = survey.configured({"tie_word_embeddings"});
  const bool untied = tie && tie->is_boolean() && !tie->get<bool>();
  if (survey.has("embed_out.weight") || untied) need("embed_out.weight", {model.vocabularyPadded, width});
  if (survey.has("embed_out.weight") || !untied) model.tiedHead = survey.tied("embed_out.weight", root + "embed_in.weight");
  if (complete) survey.model = std::move(model);
  return true;
}

}  // namespace

const FamilyReader neoxReader{readNeoX, families};

}  // namespace analysis
