// Language models in the frame of HazyResearch/safari (Poli et al. 2023, Hyena Hierarchy): embedding, then per layer
// norm, mixer, norm, MLP, then a norm and the head. Layers of one model may have different mixers.
#include <algorithm>
#include <array>

#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/implicitfilter.h"
#include "analysis/checkpoint/languageframe.h"
#include "analysis/checkpoint/rtf.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::array families{
    KnownFamily{"Hyena", "layers.i.mixer.filter_fn.implicit_filter.0.weight", true, true,
                "implicit filters; blocks of attention may lie between"},
    KnownFamily{"HyenaDNA", "the same without implicit_filter.3.freq", true, true, "keys of the Hugging Face form"},
    KnownFamily{"Hyena-RTF", "layers.i.mixer.filter_fn.ab and .h_0", true, true,
                "rational filters, exact at their training length"},
    KnownFamily{"GPT", "layers.i.mixer.Wqkv.weight in every layer", false, true, "the Transformer to compare with"}};
constexpr const KnownFamily &plainHyena = families[0], &hyenaDna = families[1], &hyenaRtf = families[2], &gpt = families[3];

enum class Mixer { hyena, rtf, attention };

// Any tensor of a kind's own tells it, so that one that is missing can be named.
std::optional<Mixer> mixerOf(const Survey& survey, const std::string& mixer) {
  if (survey.hasBelow(mixer + "filter_fn.implicit_filter.")) return Mixer::hyena;
  if (survey.has(mixer + "filter_fn.ab") || survey.has(mixer + "filter_fn.h_0")) return Mixer::rtf;
  if (survey.has(mixer + "Wqkv.weight") || survey.has(mixer + "Wqkv.bias")) return Mixer::attention;
  return std::nullopt;
}

class SafariReader {
 public:
  explicit SafariReader(Survey& given) : survey(given) {}

  bool read() {
    const int layers = survey.countLayers("layers.");
    for (int layer = 0; layer < layers; ++layer) mixers.push_back(mixerOf(survey, prefixOf(layer) + "mixer."));
    const auto uses = [&](std::optional<Mixer> kind) {
      return std::find(mixers.begin(), mixers.end(), kind) != mixers.end();
    };
    // A layer without a mixer is a damaged Hyena model, but beside attention alone it is another family's.
    if (layers == 0 || (!uses(Mixer::hyena) && !uses(Mixer::rtf) && uses(std::nullopt))) return false;
    name();
    refuseVariants();
    width = widthOf();
    survey.fromShape("width", width, {"d_model"});
    survey.fromShape("layers", layers, {"n_layer"});
    model.width = width;
    if (uses(Mixer::hyena) || uses(Mixer::rtf)) settleOperator(uses(Mixer::hyena) ? Mixer::hyena : Mixer::rtf);
    if (uses(Mixer::hyena)) settleImplicitFilter();
    if (uses(Mixer::rtf)) settleRtf();
    if (uses(Mixer::attention)) settleAttention();
    for (int layer = 0; layer < layers; ++layer) {
      const std::optional<Mixer> mixer = mixers[static_cast<std::size_t>(layer)];
      if (mixer) {
        readLayer(layer, *mixer);
      } else {
        survey.report.missing.push_back(prefixOf(layer) + "mixer: holds no mixer of a known kind");
        complete = false;
      }
    }
    survey.fromShape("inner width", model.innerWidth, {"d_inner"});
    complete = surveyLanguageFrame(survey, model) && complete;
    if (complete) survey.model = std::move(model);
    return true;
  }

 private:
  static std::string prefixOf(int layer) { return "layers." + std::to_string(layer) + "."; }

  void name() {
    if (std::all_of(mixers.begin(), mixers.end(), [](auto m) { return m == Mixer::attention; })) {
      survey.recognise(gpt, "layers.0.mixer.Wqkv.weight, in all layers");
      model.family = "gpt";
    } else if (std::find(mixers.begin(), mixers.end(), Mixer::rtf) != mixers.end()) {
      survey.recognise(hyenaRtf, "layers.0.mixer.filter_fn.ab, layers.0.mixer.filter_fn.h_0");
      model.family = "hyena-rtf";
    } else {
      const bool dna = isHuggingFace() && !survey.has("layers.0.mixer.filter_fn.implicit_filter.3.freq");
      survey.recognise(dna ? hyenaDna : plainHyena, "layers.0.mixer.filter_fn.implicit_filter.0.weight");
      model.family = "hyena";
    }
  }

  bool isHuggingFace() const {
    const std::vector<TensorInfo>& all = survey.file().tensors();
    return std::any_of(all.begin(), all.end(), [](const TensorInfo& info) { return info.name.starts_with("hyena."); });
  }

  // These change the operator in ways that shapes do not show.
  void refuseVariants() const {
    for (const char* key : {"linear_mixer", "bidirectional", "normalized"}) {
      const auto said = survey.configured({key});
      if (said && said->is_boolean() && said->get<bool>()) refuseVariant(key);
    }
    for (const char* key : {"num_heads", "inner_factor", "num_blocks"}) {
      const auto said = survey.configured({std::string("layer/") + key});
      if (said && said->is_number() && said->get<double>() != 1) refuseVariant(key);
    }
  }
  [[noreturn]] void refuseVariant(const std::string& what) const {
    refuse(survey.file().path().string(), "is a Hyena variant with " + what + ", which is not supported",
           "choose a checkpoint without it");
  }

  int widthOf() const {
    const std::string mixer = prefixOf(0) + "mixer.";
    return survey.size({{mixer + "in_proj.weight", 1},
                        {mixer + "Wqkv.weight", 1},
                        {"embeddings.word_embeddings.weight", 1},
                        {"ln_f.weight", 0}});
  }

  void settleOperator(Mixer kind) {
    const std::string mixer = firstMixer(kind, "in_proj.weight");
    const int rows = survey.size(mixer + "in_proj.weight", 0);
    if (rows == 0) {
      order = survey.integer("order", {"order", "hyena_order"}, 2);
    } else {
      order =
          survey.fromShape("order", width > 0 && rows % width == 0 ? rows / width - 1 : 0, {"order", "hyena_order"});
    }
    if (order < 2 || order > 16) {
      survey.report.shapeMismatch.push_back(mixer + "in_proj.weight: its rows are no small multiple of the width");
      order = 0;
    }
    model.hyenaOrder = order;
    useBias = survey.flag("skip", {"use_bias"}, true, true);
    if (order > 2) {
      // safari's trainer packs channels by (channel, operator), its standalone files and the Hugging Face port by
      // (operator, channel); nothing in a file tells.
      const bool trainer = survey.file().metadata().contains("hyper_parameters");
      packing = survey.word("channel packing", {}, trainer ? "channel, operator" : "operator, channel",
                            {"channel, operator", "operator, channel"});
    }
  }

  void settleImplicitFilter() {
    const std::string first = "filter_fn.implicit_filter.0.weight", z = "filter_fn.pos_emb.z";
    survey.fromShape("filter width", survey.size(firstMixer(Mixer::hyena, first) + first, 0), {"filter_order"});
    survey.fromShape("position features", survey.size(firstMixer(Mixer::hyena, z) + z, 2), {"emb_dim"});
    model.trainingLengthTokens = survey.size(firstMixer(Mixer::hyena, z) + z, 1);
    survey.fromShape("filter length", model.trainingLengthTokens, {"l_max", "max_seq_len"});
    options = implicitFilterOptions(survey, isHuggingFace() ? 0.05 : 0.0);
  }

  void settleRtf() {
    const std::string ab = "filter_fn.ab";
    survey.fromShape("filter order", survey.size(firstMixer(Mixer::rtf, ab) + ab, 1), {});
    rtf = rtfOptions(survey);
    model.trainingLengthTokens = rtf.truncationSamples;
  }

  // The first mixer of a kind that holds `key`; where none does, the first of the kind.
  std::string firstMixer(Mixer kind, const std::string& key) const {
    std::string first;
    for (std::size_t layer = 0; layer < mixers.size(); ++layer) {
      std::string mixer = prefixOf(static_cast<int>(layer)) + "mixer.";
      if (mixers[layer] != kind) continue;
      if (survey.has(mixer + key)) return mixer;
      if (first.empty()) first = mixer;
    }
    return first;
  }

  void settleAttention() {
    const int usual = std::max(1, width / 64);
    model.heads = survey.integer("heads", {"num_heads", "n_head", "n_heads", "attn_cfg/num_heads"}, usual,
                                 headCounts(width));
    std::vector<bool> layers;
    for (const auto& mixer : mixers) layers.push_back(mixer == Mixer::attention);
    noteAttention(survey, layers);
    if (model.heads < 1 || width % model.heads != 0) {
      refuse(survey.file().path().string(), "its configuration gives a number of heads that does not divide the width",
             "correct the configuration");
    }
  }

  void readLayer(int layer, Mixer kind) {
    const std::string prefix = prefixOf(layer), mixer = prefix + "mixer.";
    BlockDescription block;
    block.prefix = prefixOf(layer).substr(0, prefix.size() - 1);
    if (kind == Mixer::attention) {
      block.mixer = MixerKind::attention;
      need(mixer + "Wqkv.weight", {3L * width, width});
      need(mixer + "Wqkv.bias", {3L * width});
      survey.harmless(mixer + "rotary_emb.inv_freq", "it follows from the rotary base");
    } else {
      readHyenaMixer(layer, kind, mixer, block);
    }
    need(mixer + "out_proj.weight", {width, width});
    need(mixer + "out_proj.bias", {width});
    for (const char* norm : {"norm1", "norm2"}) {
      need(prefix + norm + ".weight", {width});
      need(prefix + norm + ".bias", {width});
    }
    if (model.innerWidth == 0) {
      model.innerWidth = survey.size(
          {{prefix + "mlp.fc1.weight", 0}, {prefix + "mlp.fc1.bias", 0}, {prefix + "mlp.fc2.weight", 1}});
    }
    need(prefix + "mlp.fc1.weight", {model.innerWidth, width});
    need(prefix + "mlp.fc1.bias", {model.innerWidth});
    need(prefix + "mlp.fc2.weight", {width, model.innerWidth});
    need(prefix + "mlp.fc2.bias", {width});
    model.blocks.push_back(std::move(block));
  }

  void readHyenaMixer(int layer, Mixer kind, const std::string& mixer, BlockDescription& block) {
    const std::int64_t rows = (order + 1L) * width;
    const int taps = survey.size(mixer + "short_filter.weight", 2);
    if (taps > 0) model.shortFilterTaps = taps;
    need(mixer + "in_proj.weight", {rows, width});
    need(mixer + "in_proj.bias", {rows});
    need(mixer + "short_filter.weight", {rows, 1, model.shortFilterTaps});
    need(mixer + "short_filter.bias", {rows});
    const std::string filter = mixer + "filter_fn.";
    const int operators = order - 1;
    int columns = 0, length = 0;
    if (order != 0 && kind == Mixer::rtf) {
      columns = surveyRtf(survey, filter, rtf).value_or(0);
      length = rtf.truncationSamples;
    } else if (order != 0) {
      const bool biased = survey.expect(filter + "bias", {static_cast<std::int64_t>(operators) * width});
      const auto shape = surveyImplicitFilter(survey, filter, options);
      columns = shape && biased ? shape->columns : 0;
      length = shape ? shape->lengthSamples : 0;
    }
    if (columns != operators * width) {
      if (columns != 0) {
        survey.report.shapeMismatch.push_back(filter + ": describes " + std::to_string(columns) +
                                              " filters, expected " + std::to_string(operators * width));
      }
      complete = false;
      return;
    }
    for (int k = 0; k < operators; ++k) {
      Bank bank;
      bank.path = mixer + "filter_fn" + (operators > 1 ? "." + std::to_string(k) : "");
      bank.layer = layer;
      bank.operatorIndex = k;
      bank.operatorsInLayer = operators;
      bank.channels = width;
      bank.lengthSamples = length;
      block.banks.push_back(survey.bankCount());
      const bool interleaved = packing == "channel, operator";
      const int first = interleaved ? k : k * width, step = interleaved ? operators : 1;
      survey.addBank(bank, kind == Mixer::rtf ? rtfSource(survey, filter, rtf, first, step, useBias)
                                              : implicitFilterSource(survey, filter, options, first, step,
                                                                     useBias ? filter + "bias" : ""));
    }
  }

  void need(const std::string& key, const std::vector<std::int64_t>& shape) {
    complete = survey.expect(key, shape) && complete;
  }

  Survey& survey;
  LanguageModel model;
  std::vector<std::optional<Mixer>> mixers;  // by layer
  int width = 0, order = 2;
  ImplicitFilterOptions options;
  RtfOptions rtf;
  bool useBias = true;
  std::string packing = "operator, channel";
  bool complete = true;
};

bool readSafari(Survey& survey) {
  return SafariReader(survey).read();
}

}  // namespace

const FamilyReader safariReader{readSafari, families};

}  // namespace analysis
