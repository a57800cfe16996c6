#include "analysis/checkpoint/languageframe.h"

#include <algorithm>

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
  model.layerNormEpsilon = survey.number("norm epsilon", {"layer_norm_epsilon"}, 1e-5);
  if (survey.has("embeddings.position_embeddings.weight")) {
    complete = survey.expect("embeddings.position_embeddings.weight", {-1, width}) && complete;
    model.positions = survey.size("embeddings.position_embeddings.weight", 0);
    survey.fromShape("positions", model.positions, {"max_position_embeddings"});
    if (model.trainingLengthTokens == 0) model.trainingLengthTokens = model.positions;
  }
  model.tiedHead = true;
  if (!survey.has(head)) {
    survey.report.tied.push_back(std::string(head) + ": absent, taken from " + embedding);
  } else {
    complete = survey.expect(head, {model.vocabularyPadded, width}) && complete;
    if (complete) model.tiedHead = survey.equal(head, embedding);
    const bool sameStorage = survey.has(embedding) && survey.find(head)->storage == survey.find(embedding)->storage;
    if (complete && model.tiedHead && !sameStorage) {
      survey.report.tied.push_back(std::string(head) + ": same values as " + embedding);
    }
  }
  return complete;
}

}  // namespace analysis
