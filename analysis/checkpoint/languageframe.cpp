#include "analysis/checkpoint/languageframe.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace analysis {
namespace {

constexpr const char* embedding = "embeddings.word_embeddings.weight";
constexpr const char* head = "lm_head.weight";

TokenizerKind tokenizerFor(const LanguageModel& model) {
  if (model.vocabularyPadded == 256) return TokenizerKind::bytes;
  if (model.vocabularyPadded == 16 && model.vocabularySize == 12) return TokenizerKind::dna;
  return TokenizerKind::unknown;
}

}  // namespace

bool isFrameKey(std::string_view key) {
  static constexpr std::string_view top[] = {embedding,     "embeddings.position_embeddings.weight",
                                             "ln_f.weight", "ln_f.bias",
                                             head};
  static constexpr std::string_view inLayer[] = {
      "norm1",        "norm2",        "mlp.fc1",      "mlp.fc2",      "mixer.Wqkv",
      "mixer.q_proj", "mixer.k_proj", "mixer.v_proj", "mixer.out_proj", "mixer.output_linear"};
  if (std::find(std::begin(top), std::end(top), key) != std::end(top)) return true;
  if (!key.starts_with("layers.")) return false;
  key.remove_prefix(7);
  const std::size_t number = std::min(key.find_first_not_of("0123456789"), key.size());
  if (number == 0 || number == key.size() || key[number] != '.') return false;
  key.remove_prefix(number + 1);
  for (const std::string_view ending : {".weight", ".bias"}) {
    if (!key.ends_with(ending)) continue;
    const std::string_view module = key.substr(0, key.size() - ending.size());
    return std::find(std::begin(inLayer), std::end(inLayer), module) != std::end(inLayer);
  }
  return false;
}

std::vector<std::string> headCounts(int width) {
  std::vector<std::string> counts;
  for (const int headWidth : {256, 128, 96, 80, 64, 48, 32, 16}) {
    if (width > 0 && width % headWidth == 0) counts.push_back(std::to_string(width / headWidth));
  }
  if (counts.empty()) counts = {"1", "2"};
  return counts;
}

void noteAttention(Survey& survey, const std::vector<bool>& layers) {
  std::string list;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    if (layers[layer]) list += (list.empty() ? "" : ", ") + std::to_string(layer);
  }
  const bool all = std::find(layers.begin(), layers.end(), false) == layers.end();
  survey.note("attention layers", list.empty() ? "none" : all ? "all" : list, Origin::tensors);
}

bool surveyLanguageFrame(Survey& survey, LanguageModel& model) {
  const std::int64_t width = model.width;
  bool complete = survey.expect(embedding, {-1, width});
  complete = survey.expect("ln_f.weight", {width}) && complete;
  complete = survey.expect("ln_f.bias", {width}) && complete;
  model.vocabularyPadded = survey.size(embedding, 0);
  const int said = survey.integer("vocabulary", {"vocab_size"}, model.vocabularyPadded);
  model.vocabularySize = said > 0 ? std::min(said, model.vocabularyPadded) : model.vocabularyPadded;
  if (said > model.vocabularyPadded) {
    survey.report.settings.back().remark = "the embedding has only " + std::to_string(model.vocabularyPadded) + " rows";
  }
  model.tokenizer = tokenizerFor(model);
  model.layerNormEpsilon = survey.number("norm epsilon", {"layer_norm_epsilon"}, 1e-5, {"1e-05", "1e-06"});
  if (survey.has("embeddings.position_embeddings.weight")) {
    complete = survey.expect("embeddings.position_embeddings.weight", {-1, width}) && complete;
    model.positions = survey.size("embeddings.position_embeddings.weight", 0);
    survey.fromShape("positions", model.positions, {"max_position_embeddings"});
    if (model.trainingLengthTokens == 0) model.trainingLengthTokens = model.positions;
  } else if (model.heads > 0 && model.family != "multihyena") {
    survey.note("positions", "none", Origin::tensors);
  }
  if (survey.has(head)) complete = survey.expect(head, {model.vocabularyPadded, width}) && complete;
  model.tiedHead = survey.tied(head, embedding);
  return complete;
}

}  // namespace analysis
