// MultiHyena language models (Massaroli et al. 2023, Laughing Hyena Distillery, section 4; the block of
// ruke1ire/RTF's safari fork): two multi-head Hyena operators and a gated linear unit per layer.
#include <array>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/implicitfilter.h"
#include "analysis/checkpoint/languageframe.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{KnownFamily{"MultiHyena", "layers.i.model.filter.implicit_filter.0.weight", true, true,
                                          "two operators a block; a channel is a head"}};

class MultiHyenaReader {
 public:
  explicit MultiHyenaReader(Survey& given) : survey(given) {}

  bool read() {
    const std::string first = "layers.0.";
    if (!survey.has(first + "model.filter.implicit_filter.0.weight") || !survey.has(first + "l1.weight")) return false;
    survey.recognise(families[0], "layers.0.model.filter.implicit_filter.0.weight, layers.0.l1.weight");
    model.family = "multihyena";
    const int layers = survey.countLayers("layers.");
    model.width = survey.size(first + "l1.weight", 1);
    model.innerWidth = survey.size(first + "l1.weight", 0) / 2;
    int last = 0;
    while (survey.has(filterOf(first + "model.") + "implicit_filter." + std::to_string(last + 2) + ".weight"))
      last += 2;
    model.heads = survey.size(filterOf(first + "model.") + "implicit_filter." + std::to_string(last) + ".weight", 0);
    if (model.width < 1 || model.heads < 1 || model.width % model.heads != 0) {
      refuse(survey.file().path().string(), "has a number of heads that does not divide its width",
             "the file is damaged, or of a variant that is not supported");
    }
    model.trainingLengthTokens = survey.size(filterOf(first + "model.") + "pos_emb.z", 1);
    survey.fromShape("width", model.width, {"d_model"});
    survey.fromShape("layers", layers, {"n_layer"});
    survey.fromShape("heads", model.heads, {"num_heads"});
    survey.fromShape("gate width", model.innerWidth, {});
    survey.fromShape("filter length", model.trainingLengthTokens, {"l_max"});
    survey.fromShape("position features", survey.size(filterOf(first + "model.") + "pos_emb.z", 2), {"emb_dim"});
    options = implicitFilterOptions(survey, 0.0);
    for (int layer = 0; layer < layers; ++layer) readLayer(layer);
    complete = surveyLanguageFrame(survey, model) && complete;
    if (complete) survey.model = std::move(model);
    return true;
  }

 private:
  static std::string filterOf(const std::string& operatorPrefix) { return operatorPrefix + "filter."; }

  void readLayer(int layer) {
    const int width = model.width, inner = model.innerWidth;
    BlockDescription block;
    block.mixer = MixerKind::multiHyena;
    block.prefix = "layers." + std::to_string(layer);
    const std::string prefix = block.prefix + ".";
    readOperator(layer, 0, prefix + "model.", block);
    readOperator(layer, 1, prefix + "model2.", block);
    for (const char* norm : {"norm1", "norm2", "norm3"}) need(prefix + norm + ".weight", {width});
    need(prefix + "l1.weight", {2 * inner, width});
    need(prefix + "l1.bias", {2 * inner});
    need(prefix + "l2.weight", {width, inner});
    need(prefix + "l2.bias", {width});
    model.blocks.push_back(std::move(block));
  }

  void readOperator(int layer, int index, const std::string& prefix, BlockDescription& block) {
    const int width = model.width;
    const int taps = survey.size(prefix + "short_filter.weight", 2);
    if (taps > 0) model.shortFilterTaps = taps;
    need(prefix + "in_proj.weight", {3 * width, width});
    need(prefix + "in_proj.bias", {3 * width});
    need(prefix + "short_filter.weight", {3 * width, 1, model.shortFilterTaps});
    need(prefix + "short_filter.bias", {3 * width});
    need(prefix + "norm.weight", {width});
    need(prefix + "out_proj.weight", {width, width});
    need(prefix + "out_proj.bias", {width});
    survey.allow(filterOf(prefix) + "bias");  // stored, but the operator does not use it
    const auto shape = surveyImplicitFilter(survey, filterOf(prefix), options);
    if (!shape || shape->columns != model.heads) {
      if (shape) survey.report.shapeMismatch.push_back(filterOf(prefix) + "implicit_filter: another number of heads");
      complete = false;
      return;
    }
    Bank bank;
    bank.path = prefix + "filter";
    bank.layer = layer;
    bank.operatorIndex = index;
    bank.operatorsInLayer = 2;
    bank.channels = model.heads;
    bank.lengthSamples = shape->lengthSamples;
    bank.heads = true;
    block.banks.push_back(survey.bankCount());
    survey.addBank(bank, implicitFilterSource(survey, filterOf(prefix), options, 0, 1, ""));
  }

  void need(const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  }

  Survey& survey;
  LanguageModel model;
  ImplicitFilterOptions options;
  bool complete = true;
};

bool readMultiHyena(Survey& survey) {
  return MultiHyenaReader(survey).read();
}

}  // namespace

const FamilyReader multiHyenaReader{readMultiHyena, families};

}  // namespace analysis
