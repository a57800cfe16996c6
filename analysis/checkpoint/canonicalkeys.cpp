#include <array>

#include "analysis/checkpoint/survey.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

void replaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

// What trainers and wrappers put around a model's own names. `keepModel`: "model." is a name of the model itself.
std::string canonical(std::string key, bool keepModel) {
  static constexpr std::array<std::string_view, 5> wrappers{"module.", "model.", "_orig_mod.", "hyena.", "backbone."};
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view wrapper : wrappers) {
      if (!key.starts_with(wrapper) || (keepModel && wrapper == "model.")) continue;
      key.erase(0, wrapper.size());
      again = true;
    }
  }
  replaceAll(key, "_orig_mod.", "");
  replaceAll(key, ".mixer.layer.", ".mixer.");  // gradient checkpointing wraps these two
  replaceAll(key, ".mlp.layer.", ".mlp.");
  return key;
}

}  // namespace

std::map<std::string, const TensorInfo*, std::less<>> canonicalKeys(const TensorFile& file) {
  bool bareMultiHyena = false;  // a single block: model. and model2. are siblings at the root
  for (const TensorInfo& info : file.tensors()) bareMultiHyena = bareMultiHyena || info.name.starts_with("model2.");
  std::map<std::string, const TensorInfo*, std::less<>> keys;
  for (const TensorInfo& info : file.tensors()) {
    if (info.name.find("torchmetrics") != std::string::npos) continue;  // a trainer's statistics
    const auto [at, isNew] = keys.emplace(canonical(info.name, bareMultiHyena), &info);
    if (!isNew) {
      refuse(file.path().string(), "tensors " + at->second->name + " and " + info.name + " both mean " + at->first,
             "keep one of them");
    }
  }
  return keys;
}

}  // namespace analysis
