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
    layers = survey.countLayers("layers.");
    if (!isMultiHyena()) return false;
    survey.recognise(families[0], "layers.*.model.filter., layers.*.model2.filter.");
    model.family = "multihyena";
    model.width = told({{"l1.weight", 1}, {"l2.weight", 0}, {"norm1.weight", 0}});
    model.innerWidth = told({{"l1.weight", 0}, {"l1.bias", 0}}) / 2;
    if (model.innerWidth == 0) model.innerWidth = told({{"l2.weight", 1}});
    model.heads = told({{"model.filter.modulation.deltas", 2},
                        {"model2.filter.modulation.deltas", 2},
                        {"model.filter.implicit_filter.6.weight", 0},
                        {"model.filter.bias", 0}});
    if (model.width < 1 || model.heads < 1 || model.width % model.heads != 0) {
      refuse(survey.file().path().string(), "has a number of heads that does not divide its width",
             "the file is damaged, or of a variant that is not supported");
    }
    model.trainingLengthTokens = told({{"model.filter.pos_emb.z", 1}, {"model2.filter.pos_emb.z", 1}});
    survey.fromShape("width", model.width, {"d_model"});
    survey.fromShape("layers", layers, {"n_layer"});
    survey.fromShape("heads", model.heads, {"num_heads"});
    survey.fromShape("gate width", model.innerWidth, {});
    survey.fromShape("filter length", model.trainingLengthTokens, {"l_max"});
    survey.fromShape("position features", told({{"model.filter.pos_emb.z", 2}, {"model2.filter.pos_emb.z", 2}}),
                     {"emb_dim"});
    options = implicitFilterOptions(survey, 0.0);
    for (int layer = 0; layer < layers; ++layer) readLayer(layer);
    complete = surveyLanguageFrame(survey, model) && complete;
    if (complete) survey.model = std::move(model);
    return true;
  }

 private:
  // Any tensor of an operator tells, so that one that is missing can be named.
  bool isMultiHyena() const {
    for (int layer = 0; layer < layers; ++layer) {
      for (const char* name : {"model.filter.implicit_filter.", "model2.filter.implicit_filter."}) {
        if (survey.hasBelow("layers." + std::to_string(layer) + "." + name)) return true;
      }
    }
    return false;
  }

  // The first of these sizes that some layer tells; all layers share them.
  int told(std::initializer_list<std::pair<std::string, std::size_t>> places) const {
    for (const auto& [name, dimension] : places) {
      for (int layer = 0; layer < layers; ++layer) {
        const int found = survey.size("layers." + std::to_string(layer) + "." + name, dimension);
        if (found != 0) return found;
      }
    }
    return 0;
  }

  static std::string filterOf(const std::string& operatorPrefix) { return operatorPrefix + "filter."; }

  void readLayer(int layer) {
    const std::int64_t width = model.width, inner = model.innerWidth;
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
    const std::int64_t width = model.width;
    const int taps = survey.size(prefix + "short_filter.weight", 2);
    if (taps > 0) model.shortFilterTaps = taps;
    need(prefix + "in_proj.weight", {3 * width, width});
    need(prefix + "in_proj.bias", {3 * width});
    need(prefix + "short_filter.weight", {3 * width, 1, model.shortFilterTaps});
    need(prefix + "short_filter.bias", {3 * width});
    need(prefix + "norm.weight", {width});
    need(prefix + "out_proj.weight", {width, width});
    need(prefix + "out_proj.bias", {width});
    survey.harmless(filterOf(prefix) + "bias", "the operator does not use it");
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
  int layers = 0;
  ImplicitFilterOptions options;
  bool complete = true;
};

bool readMultiHyena(Survey& survey) {
  return MultiHyenaReader(survey).read();
}

}  // namespace

const FamilyReader multiHyenaReader{readMultiHyena, families};

}  // namespace analysis
