// What a family reader sees of a checkpoint, and where it notes what it found: tensors by canonical key, configuration
// values by any of their names, and the report that people read after opening.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/checkpoint/knownfamilies.h"

namespace analysis {

// Computes the filters of one bank. Holds no values: reads what it needs when asked. Thread-safe.
class FilterSource {
 public:
  virtual ~FilterSource() = default;
  // taps [skips.size(), L] row-major of the channels from `firstChannel` on, and their skips.
  virtual void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task&) const = 0;
};

// Several tensors laid end to end along their first axis, under one key.
struct Stack {
  TensorInfo info;  // its name is no tensor's
  std::vector<const TensorInfo*> parts;
};

struct CanonicalKeys {
  std::map<std::string, const TensorInfo*, std::less<>> tensors;
  std::vector<std::unique_ptr<const Stack>> stacks;  // what some of the above point to
};

// Canonical keys of a file's tensors: common wrappers' prefixes stripped, the names of old safari checkpoints replaced
// by today's. Throws Error(input) when two tensors would get the same key.
CanonicalKeys canonicalKeys(const TensorFile&);

class Survey {
 public:
  Survey(std::shared_ptr<const TensorFile>, Choices);

  const TensorFile& file() const { return *m_file; }
  std::shared_ptr<const TensorFile> sharedFile() const { return m_file; }
  const std::map<std::string, const TensorInfo*, std::less<>>& keys() const { return m_keys.tensors; }
  // All values of a key, stacked ones too. Throws Error(input) when it is absent.
  std::vector<float> floats(std::string_view key) const;
  const TensorInfo* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Whether some key begins so.
  bool hasBelow(std::string_view prefix) const;
  // Size of one dimension; 0 when the tensor is absent or has fewer dimensions.
  int size(std::string_view key, std::size_t dimension) const;
  // The first of these sizes that is not 0: what one tensor lacks, its neighbours tell. 0 when none does.
  int size(std::initializer_list<std::pair<std::string, std::size_t>> places) const;
  // Layers l = 0, 1, .. for which some key begins with `prefix` l ".".
  int countLayers(std::string_view prefix) const;

  // Notes the tensor as understood. False, and an entry in the report, when it is absent, has another shape
  // (-1, or 0 where nothing told the size: any) or a type that cannot be read.
  bool expect(const std::string& key, const std::vector<std::int64_t>& shape);
  // Notes a tensor that may be there but is not needed.
  void allow(const std::string& key) { m_known.insert(key); }
  // The same, of one that the formulas do not use; the report lists it as an extra one, with the reason.
  void harmless(const std::string& key, const std::string& why);
  // A second name of one tensor, `of`: the report says whether it is absent (and `of` serves for it) or has the same
  // values in a storage of its own. False: it is there and differs. O(n) where it is compared.
  bool tied(const std::string& key, const std::string& of);
  // Equal shapes and values: the same storage, or compared element by element (O(n), stops at the first difference).
  bool equal(const std::string& a, const std::string& b) const;

  // Settings. `names` are tried in order in hyper_parameters, config.json and the plain values of the file, at top
  // level and under "layer", "model" and "model.layer".
  int fromShape(const std::string& setting, int value, const std::vector<std::string>& names);
  int integer(const std::string& setting, const std::vector<std::string>& names, int fallback,
              const std::vector<std::string>& alternatives = {});
  double number(const std::string& setting, const std::vector<std::string>& names, double fallback,
                const std::vector<std::string>& alternatives = {});
  std::string word(const std::string& setting, const std::vector<std::string>& names, const std::string& fallback,
                   const std::vector<std::string>& alternatives = {});
  bool flag(const std::string& setting, const std::vector<std::string>& names, bool fallback, bool choosable);
  // A choice that any file may be given, whatever its settings: empty when it was not made.
  std::string demand(const std::string& setting);
  std::optional<nlohmann::json> configured(const std::vector<std::string>& names) const;

  void note(const std::string& setting, const std::string& value, Origin origin, const std::string& remark = "") {
    report.settings.push_back({setting, value, origin, remark, {}});
  }
  void recognise(const KnownFamily&, const std::string& by);
  // No tensor of a file that nobody knows is a surprise.
  void allowAll();
  void addBank(Bank, std::shared_ptr<const FilterSource>);
  int bankCount() const { return static_cast<int>(banks.size()); }
  // Tensors nobody asked about, ties by storage and skipped tensors go into the report. Throws Error(input) for
  // choices nobody asked about.
  void finish();

  CheckpointReport report;
  std::vector<Bank> banks;
  std::vector<std::shared_ptr<const FilterSource>> sources;  // one per bank
  std::optional<LanguageModel> model;

 private:
  const std::string* choice(const std::string& setting, const std::vector<std::string>& alternatives);

  std::shared_ptr<const TensorFile> m_file;
  Choices m_choices;
  std::set<std::string> m_chosen;
  CanonicalKeys m_keys;
  std::set<std::string, std::less<>> m_known;
};

// "layers.2" comes before "layers.10".
struct NaturalOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};
using Modules = std::set<std::string, NaturalOrder>;
// The prefixes of the keys that end so, "kernel.log_dt" for example: the modules of a kind.
Modules modulesWith(const Survey&, std::string_view ending);

// "[2, 3]"
std::string shapeText(const std::vector<std::int64_t>&);

}  // namespace analysis
