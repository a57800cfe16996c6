#include "analysis/checkpoint/stripedlanguage.h"

#include <algorithm>
#include <string_view>

#include "analysis/checkpoint/languageframe.h"

namespace analysis {
namespace {

Activation activationOf(const std::string& word) {
  if (word == "silu") return Activation::silu;
  return word == "identity" ? Activation::identity : Activation::geluErf;
}

class StripedLanguage {
 public:
  StripedLanguage(Survey& given, bool second) : survey(given), isSecond(second) {}

  void read(const std::vector<std::vector<int>>& banks, int length) {
    const bool described = survey.has("embedding_layer.weight");
    if (!described) {
      survey.report.missing.emplace_back("embedding_layer.weight: only the filters can be used");
      return;
    }
    width = survey.size("embedding_layer.weight", 1);
    need("embedding_layer.weight", {-1, width});
    need("norm.scale", {width});
    model.family = isSecond ? "stripedhyena2" : "stripedhyena";
    model.frame = ModelFrame::striped;
    model.width = survey.fromShape("width", width, {"hidden_size"});
    model.vocabularyPadded = survey.size("embedding_layer.weight", 0);
    model.vocabularySize = std::clamp(survey.integer("vocabulary", {"vocab_size"}, model.vocabularyPadded), 1,
                                      std::max(1, model.vocabularyPadded));
    model.tokenizer = model.vocabularyPadded == 512 ? TokenizerKind::bytes : TokenizerKind::unknown;
    model.trainingLengthTokens = length;
    settle();
    for (std::size_t i = 0; i < banks.size(); ++i) readBlock(static_cast<int>(i), banks[i]);
    survey.fromShape("inner width", model.innerWidth, {"inner_mlp_size"});
    const auto tie = survey.configured({"tie_embeddings"});
    const bool untied = tie && tie->is_boolean() && !tie->get<bool>();
    if (survey.has("unembed.weight") || untied) need("unembed.weight", {model.vocabularyPadded, width});
    if (survey.has("unembed.weight") || !untied) model.tiedHead = survey.tied("unembed.weight", "embedding_layer.weight");
    if (complete) survey.model = std::move(model);
  }

 private:
  // What no shape tells.
  void settle() {
    model.heads = survey.integer("heads", {"num_attention_heads"}, std::max(1, width / 128), headCounts(width));
    if (model.heads < 1 || width % model.heads != 0) {
      survey.report.shapeMismatch.push_back("heads: " + std::to_string(model.heads) + " do not divide the width");
      complete = false;
      model.heads = 1;
    }
    model.layerNormEpsilon = survey.number("norm epsilon", {"eps"}, 1e-6, {"1e-06", "1e-05"});
    model.normEpsilonOutside = !survey.flag("epsilon below the root", {"use_flash_rmsnorm"}, false, true);
    model.rotaryDimensions = width / model.heads;
    model.rotaryBase = survey.number("rotary base", {"rotary_emb_base"}, 10000, {"10000", "500000", "1000000"});
    model.rotaryScale = survey.number("rotary scale", {"rotary_emb_scaling_factor"}, 1, {"1", "16", "128"});
    if (isSecond) {
      model.streams = StreamLayout::interleaved;
      model.gatesExchanged = survey.flag("gates exchanged", {"hyena_flip_x1x2"}, false, true);
      model.attentionPerHead = true;
    } else {
      const bool perHead = survey.flag("streams per head", {"column_split_hyena"}, true, true);
      model.streams = perHead ? StreamLayout::perHead : StreamLayout::contiguous;
      const std::string word = survey.word("activation", {"mlp_activation"}, "gelu", {"gelu", "silu", "identity"});
      if (word != "gelu" && word != "silu" && word != "identity") {
        survey.report.shapeMismatch.push_back("activation: " + word + " is not known");
        complete = false;
      }
      activation = activationOf(word);
    }
  }

  void readBlock(int index, const std::vector<int>& banks) {
    BlockDescription block;
    block.prefix = "blocks." + std::to_string(index);
    block.banks = banks;
    const std::string prefix = block.prefix + ".";
    if (banks.empty() && survey.hasBelow(prefix + "inner_mha_cls.")) {
      block.mixer = MixerKind::attention;
      readAttention(prefix + "inner_mha_cls.");
    } else {
      if (banks.size() != 1) complete = false;  // the filters' own report says why
      need(prefix + "projections.weight", {3L * width, width});
      optional(prefix + "projections.bias", {3L * width});
      const int taps = survey.size(prefix + "filter.short_filter_weight", 2);
      if (taps > 0) model.shortFilterTaps = taps;
      need(prefix + "filter.short_filter_weight", {3L * width, 1, model.shortFilterTaps});
      optional(prefix + "filter.short_filter_bias", {3L * width});
      need(prefix + "out_filter_dense.weight", {width, width});
      optional(prefix + "out_filter_dense.bias", {width});
    }
    need(prefix + "pre_norm.scale", {width});
    need(prefix + "post_norm.scale", {width});
    if (model.innerWidth == 0) {
      model.innerWidth =
          survey.size({{prefix + "mlp.l1.weight", 0}, {prefix + "mlp.l2.weight", 0}, {prefix + "mlp.l3.weight", 1}});
    }
    need(prefix + "mlp.l1.weight", {model.innerWidth, width});
    need(prefix + "mlp.l2.weight", {model.innerWidth, width});
    need(prefix + "mlp.l3.weight", {width, model.innerWidth});
    block.activation = !isSecond ? activation : index == 0 ? Activation::geluErf : Activation::identity;
    model.blocks.push_back(std::move(block));
  }

  void readAttention(const std::string& prefix) {
    const int headWidth = width / model.heads;
    const int rows = survey.has(prefix + "Wqkv.weight") ? survey.size(prefix + "Wqkv.weight", 0) : 3 * width;
    const int shared = (rows - width) / 2;
    if (shared < headWidth || shared % headWidth != 0 || model.heads % (shared / headWidth) != 0 ||
        rows != width + 2 * shared) {
      survey.report.shapeMismatch.push_back(prefix + "Wqkv.weight: its rows do not fit " + std::to_string(model.heads) +
                                            " heads");
      complete = false;
      return;
    }
    model.keyValueHeads = shared / headWidth;
    need(prefix + "Wqkv.weight", {rows, width});
    optional(prefix + "Wqkv.bias", {rows});
    need(prefix + "out_proj.weight", {width, width});
    optional(prefix + "out_proj.bias", {width});
  }

  void need(const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  }
  // Some models have these, but then all of their blocks that have the weight.
  void optional(const std::string& key, const std::vector<std::int64_t>& shape) {
    const std::string name = key.substr(key.find('.', std::string_view("blocks.").size()));
    const auto& keys = survey.keys();
    const bool elsewhere = std::any_of(keys.begin(), keys.end(), [&](const auto& each) {
      return each.first.starts_with("blocks.") && each.first.ends_with(name);
    });
    if (elsewhere) need(key, shape);
  }

  Survey& survey;
  bool isSecond;
  LanguageModel model;
  int width = 0;
  Activation activation = Activation::geluErf;
  bool complete = true;
};

}  // namespace

void surveyStripedLanguage(Survey& survey, const std::vector<std::vector<int>>& banks, bool second, int lengthSamples) {
  StripedLanguage(survey, second).read(banks, lengthSamples);
}

}  // namespace analysis
