#include "analysis/checkpoint/h3language.h"

#include <algorithm>

#include "analysis/checkpoint/languageframe.h"

namespace analysis {

void surveyH3Language(Survey& survey, int layers, int lengthSamples) {
  LanguageModel model;
  model.family = "h3";
  const int width = survey.size("embeddings.word_embeddings.weight", 1);
  if (width == 0) {
    survey.report.missing.emplace_back("embeddings.word_embeddings.weight: only the filters can be used");
    return;
  }
  model.width = survey.fromShape("width", width, {"d_model"});
  model.trainingLengthTokens = lengthSamples;
  model.shortFilterTaps = 1;
  bool complete = true;
  const auto need = [&](const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  };
  const auto linear = [&](const std::string& key, int outputs, int inputs) {
    need(key + ".weight", {outputs, inputs});
    need(key + ".bias", {outputs});
  };
  std::vector<bool> attention;
  for (int layer = 0; layer < layers; ++layer) {
    BlockDescription block;
    block.prefix = "layers." + std::to_string(layer);
    const std::string mixer = block.prefix + ".mixer.";
    attention.push_back(survey.has(mixer + "Wqkv.weight") || survey.has(mixer + "Wqkv.bias"));
    if (attention.back()) {
      block.mixer = MixerKind::attention;
      if (model.heads == 0) {
        const int usual = std::max(1, width / (width > 1024 ? 128 : 64));
        model.heads =
            survey.integer("heads", {"attn_cfg/num_heads", "num_heads", "n_head"}, usual, headCounts(width));
        model.rotaryDimensions =
            survey.integer("rotary dimensions", {"attn_cfg/rotary_emb_dim", "rotary_emb_dim"}, 0, {"0", "32", "64"});
      }
      survey.harmless(mixer + "rotary_emb.inv_freq", "it follows from the rotary base");
      linear(mixer + "Wqkv", 3 * width, width);
      linear(mixer + "out_proj", width, width);
    } else {
      block.mixer = MixerKind::h3;
      for (int index = 0; index < survey.bankCount(); ++index) {
        const Bank& bank = survey.banks[static_cast<std::size_t>(index)];
        if (bank.layer != layer) continue;
        if (bank.channels != width) {
          survey.report.shapeMismatch.push_back(bank.path + ": heads wider than one channel cannot be run");
          complete = false;
        }
        block.banks.push_back(index);
      }
      complete = complete && block.banks.size() == 2;
      for (const char* projection : {"q_proj", "k_proj", "v_proj", "output_linear"})
        linear(mixer + projection, width, width);
    }
    for (const char* norm : {".norm1", ".norm2"}) {
      need(block.prefix + norm + ".weight", {width});
      need(block.prefix + norm + ".bias", {width});
    }
    if (model.innerWidth == 0) {
      const std::string mlp = block.prefix + ".mlp.fc";
      model.innerWidth = survey.size({{mlp + "1.weight", 0}, {mlp + "1.bias", 0}, {mlp + "2.weight", 1}});
    }
    linear(block.prefix + ".mlp.fc1", model.innerWidth, width);
    linear(block.prefix + ".mlp.fc2", width, model.innerWidth);
    model.blocks.push_back(std::move(block));
  }
  noteAttention(survey, attention);
  if (model.heads > 0 && width % model.heads != 0) {
    survey.report.shapeMismatch.push_back("heads: " + std::to_string(model.heads) + " do not divide the width");
    complete = false;
  }
  complete = surveyLanguageFrame(survey, model) && complete;
  if (complete) survey.model = std::move(model);
}

}  // namespace analysis
