// A trained model on disk, understood: which family it is, where its filters lie, what is missing. Opening reads
// headers only; a filter's taps are computed in float64 when first asked for and kept in a cache bounded in bytes.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "analysis/checkpoint/languagemodel.h"
#include "analysis/task.h"
#include "analysis/tensors/tensorfile.h"

namespace analysis {

// All filters of one operator of one layer; they share length and formula.
struct Bank {
  std::string path;  // module path, e.g. "layers.0.mixer.filter_fn": the name in every export
  int layer = 0;
  int operatorIndex = 0;
  int operatorsInLayer = 1;  // 1: filters are named LAYER.CHANNEL, else LAYER.OPERATOR.CHANNEL
  int channels = 0;
  int lengthSamples = 0;
  bool heads = false;  // a channel is a head whose filter serves several model channels
};

// Where a configuration value was found; choice: the caller of open() asked for it.
enum class Origin { shapes, tensors, configuration, fallback, choice };

struct Setting {
  std::string name;
  std::string value;
  Origin origin = Origin::fallback;
  std::string remark;                     // a contradiction between shapes and configuration, or empty
  std::vector<std::string> alternatives;  // values that a choice may name; empty: the file decides
};

// Values, by Setting::name, that no file can settle and a person wants otherwise than found ("shift": "0.05").
// Two of them fit every file: "bank" names a tensor (with stars: several) whose values are taken as taps, in place of
// the filters the family would have; "axes" says how it is read (axes.h), else its longest axis is time.
using Choices = std::map<std::string, std::string>;

struct CheckpointReport {
  std::string family;        // "Hyena", "Hyena-RTF", ...
  std::string recognisedBy;  // the key pattern that told
  std::vector<Setting> settings;
  std::vector<std::string> missing, extra, tied, shapeMismatch, skipped;  // canonical tensor names, with a reason
};

// Immutable but for its cache; shared between threads.
class Checkpoint {
 public:
  // A file of no known family opens too: without banks or model, its tensors can be listed and chosen as banks. Throws
  // Error(input) for a file that cannot be read, and for a choice that is no setting with alternatives or has no such
  // value.
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path&, const Task& = {}, const Choices& = {});
  virtual ~Checkpoint() = default;

  virtual const TensorFile& tensors() const = 0;
  virtual const CheckpointReport& report() const = 0;
  virtual const std::vector<Bank>& banks() const = 0;
  // Sum of channels over banks.
  int filterCount() const;

  // First sight costs the evaluation of (at most) the filter's bank; later a look-up.
  virtual std::shared_ptr<const Filter> filter(FilterId, const Task& = {}) const = 0;
  // "LAYER.CHANNEL" or "LAYER.OPERATOR.CHANNEL".
  std::string filterName(FilterId) const;
  // A comma list of names with ranges and stars, as in "0-3.*,5.17"; "LAYER.*" also means every operator's filters,
  // "*" every filter. Sorted, each once. Throws Error(input) for what is no such list or matches nothing.
  std::vector<FilterId> parseFilters(std::string_view expression) const;

  // nullptr when the family is no language model or a weight it needs is missing (the report says which).
  virtual const LanguageModel* languageModel() const = 0;
  // A weight by its canonical key, row-major float32. Throws Error(input) when absent.
  virtual std::vector<float> weights(std::string_view canonicalKey) const = 0;
  virtual bool hasWeights(std::string_view canonicalKey) const = 0;
  // Shape of a weight; empty optional when absent.
  virtual std::optional<std::vector<std::int64_t>> shape(std::string_view canonicalKey) const = 0;

  // SHA-256 (hex) of the file, or for several files of the lines "<hex>  <base name>\n" sorted by name. O(bytes).
  std::string sha256(const Task& = {}) const;
};

}  // namespace analysis
