#include <algorithm>
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
  static constexpr std::array<std::string_view, 6> wrappers{"module.", "model.",    "_orig_mod.",
                                                            "hyena.",  "backbone.", "s4seq.encoder."};
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

using Keys = std::map<std::string, const TensorInfo*, std::less<>>;

void rename(Keys& keys, const std::string& from, const std::string& to, const TensorFile& file) {
  const auto at = keys.find(from);
  if (at == keys.end()) return;
  const TensorInfo* info = at->second;
  keys.erase(at);
  if (!keys.emplace(to, info).second) {
    refuse(file.path().string(), "has a tensor under the old name " + from + " and one under today's, " + to,
           "keep one of them");
  }
}

// Whether a mixer convolves: any tensor of a kernel tells, so that a damaged layer of H3 is not taken for attention.
bool hasKernels(const Keys& keys, const std::string& mixer) {
  static constexpr std::array<std::string_view, 5> parts{"ssm_k_", "kernel.", "k_kernel.", "k_D", "D"};
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    const std::string start = mixer + std::string(part);
    const auto next = keys.lower_bound(start);
    return next != keys.end() && next->first.starts_with(start);
  });
}

// Checkpoints of safari and H3 from before the frame of flash-attention (HazyResearch/H3, load_state_dict): other
// names, norms after the layers in place of before them, and three projections where there is one today.
void modernise(CanonicalKeys& all, const TensorFile& file) {
  Keys& keys = all.tensors;
  rename(keys, "embedding.weight", "embeddings.word_embeddings.weight", file);
  int layers = 0;
  const auto layer = [](int l) { return "layers." + std::to_string(l) + "."; };
  while (keys.contains(layer(layers) + "norm1.weight")) ++layers;
  if (layers == 0) return;
  for (const char* part : {".weight", ".bias"}) {
    rename(keys, std::string("norm") + part, std::string("ln_0") + part, file);
    if (!keys.contains(std::string("ln_0") + part)) continue;
    rename(keys, layer(layers - 1) + "norm2" + part, std::string("ln_f") + part, file);
    for (int l = layers - 1; l >= 0; --l) {
      rename(keys, layer(l) + "norm1" + part, layer(l) + "norm2" + part, file);
      if (l > 0) rename(keys, layer(l - 1) + "norm2" + part, layer(l) + "norm1" + part, file);
    }
    rename(keys, std::string("ln_0") + part, layer(0) + "norm1" + part, file);
  }
  for (int l = 0; l < layers; ++l) {
    const std::string mixer = layer(l) + "mixer.";
    if (hasKernels(keys, mixer)) continue;  // H3's own
    for (const std::string part : {"weight", "bias"}) {
      rename(keys, mixer + "output_linear." + part, mixer + "out_proj." + part, file);
      auto stack = std::make_unique<Stack>();
      for (const char* projection : {"q_proj.", "k_proj.", "v_proj."}) {
        const auto at = keys.find(mixer + projection + part);
        if (at != keys.end()) stack->parts.push_back(at->second);
      }
      if (stack->parts.size() != 3) continue;
      const TensorInfo& first = *stack->parts[0];
      bool alike = !first.shape.empty();
      for (const TensorInfo* each : stack->parts)
        alike = alike && each->shape == first.shape && each->type == first.type;
      if (!alike) continue;
      stack->info = first;
      stack->info.name = mixer + "Wqkv." + part + ", stacked";
      stack->info.shape[0] *= 3;
      stack->info.elementCount *= 3;
      stack->info.storage = file.tensors().size() + all.stacks.size();  // nobody else's
      for (const char* projection : {"q_proj.", "k_proj.", "v_proj."}) keys.erase(mixer + projection + part);
      keys.emplace(mixer + "Wqkv." + part, &stack->info);
      all.stacks.push_back(std::move(stack));
    }
  }
}

}  // namespace

CanonicalKeys canonicalKeys(const TensorFile& file) {
  bool bareMultiHyena = false;  // a single block: model. and model2. are siblings at the root
  for (const TensorInfo& info : file.tensors()) bareMultiHyena = bareMultiHyena || info.name.starts_with("model2.");
  CanonicalKeys all;
  for (const TensorInfo& info : file.tensors()) {
    if (info.name.find("torchmetrics") != std::string::npos) continue;  // a trainer's statistics
    const auto [at, isNew] = all.tensors.emplace(canonical(info.name, bareMultiHyena), &info);
    if (!isNew) {
      refuse(file.path().string(), "tensors " + at->second->name + " and " + info.name + " both mean " + at->first,
             "keep one of them");
    }
  }
  modernise(all, file);
  return all;
}

}  // namespace analysis
