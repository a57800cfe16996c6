#include "analysis/reduction/modalpairs.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "analysis/error.h"
#include "analysis/tensors/replacedfiles.h"
#include "analysis/tensors/torchwriter.h"

namespace analysis {
namespace {

using Complex = std::complex<double>;

struct Pair {
  std::complex<float> pole, residue;
};

[[noreturn]] void refuse(const std::string& subject, const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::output, subject, problem, advice);
}

std::vector<Pair> pairsOf(const StateSpace& model, const std::string& filter) {
  constexpr double smallest = 1e-3;
  std::vector<Pair> pairs;
  for (const Mode& mode : model.modes) {
    const Complex pole = mode.pole();
    if (std::abs(pole) < smallest) {
      refuse("filter " + filter,
             "has a pole of modulus " + std::to_string(std::abs(pole)) +
                 ", nearly a pure delay, which poles and residues cannot express",
             "choose another order for it, or export safetensors");
    }
    pairs.push_back({std::complex<float>(pole), std::complex<float>((mode.pair ? 2. : 1.) * mode.residue / pole)});
  }
  return pairs;
}

// The poles and residues that a StripedHyena file itself holds for one channel.
std::optional<std::vector<Pair>> ownPairs(const Checkpoint& checkpoint, const Bank& bank, int channel) {
  const TensorFile& file = checkpoint.tensors();
  const auto named = [&](const std::string& key) -> const TensorInfo* {
    for (const TensorInfo& info : file.tensors()) {
      if (info.name.ends_with(key) &&
          (info.name.size() == key.size() || info.name[info.name.size() - key.size() - 1] == '.')) {
        return &info;
      }
    }
    return nullptr;
  };
  const TensorInfo* residues = named(bank.path + ".residues");
  const TensorInfo* poles = named(bank.path + ".poles");
  const TensorInfo* logs = named(bank.path + ".log_poles");
  if (residues == nullptr || (poles == nullptr) == (logs == nullptr) || residues->shape.size() < 2) return std::nullopt;
  const auto modes = static_cast<std::size_t>(residues->shape[1]);
  const std::uint64_t first = static_cast<std::uint64_t>(channel) * modes;
  std::vector<Pair> pairs(modes);
  std::vector<float> r(poles ? 2 * modes : modes), p(r.size());
  const std::uint64_t at = poles ? 2 * first : first;
  file.read(*residues, at, std::span(r));
  file.read(poles ? *poles : *logs, at, std::span(p));
  for (std::size_t n = 0; n < modes; ++n) {
    pairs[n] = poles ? Pair{{p[2 * n], p[2 * n + 1]}, {r[2 * n], r[2 * n + 1]}} : Pair{{std::exp(p[n]), 0}, {r[n], 0}};
  }
  return pairs;
}

ModalPairs blockOf(const DistilledBank& bank, int index, const Checkpoint& checkpoint) {
  const Bank& original = checkpoint.banks()[static_cast<std::size_t>(index)];
  std::vector<std::vector<Pair>> channels;
  ModalPairs block;
  block.block = original.layer;
  block.channels = original.channels;
  block.modes = 1;
  for (int c = 0; c < original.channels; ++c) {
    const auto& fitted = bank.filters[static_cast<std::size_t>(c)];
    const std::string name = checkpoint.filterName({index, c});
    auto pairs = fitted ? std::optional(pairsOf(fitted->model, name)) : ownPairs(checkpoint, original, c);
    if (!pairs) {
      refuse("filter " + name, "keeps its original, which has no poles and residues",
             "distil every filter of its block");
    }
    // Sums of the numbers as they are stored: D' makes up for their rounding, too.
    Complex sum = 0;
    for (const Pair& pair : *pairs) sum += Complex(pair.residue);
    const double skip = fitted ? fitted->skip : checkpoint.filter({index, c})->skip;
    block.skip.push_back(static_cast<float>(fitted ? skip + fitted->model.feedthrough - sum.real() : skip));
    block.modes = std::max(block.modes, static_cast<int>(pairs->size()));
    channels.push_back(std::move(*pairs));
  }
  const auto width = static_cast<std::size_t>(block.channels);
  block.poles.assign(static_cast<std::size_t>(block.modes) * width, 0.5f);
  block.residues.assign(block.poles.size(), 0.f);
  for (std::size_t c = 0; c < width; ++c) {
    for (std::size_t n = 0; n < channels[c].size(); ++n) {
      block.poles[n * width + c] = channels[c][n].pole;
      block.residues[n * width + c] = channels[c][n].residue;
    }
  }
  return block;
}

template <typename Number>
std::vector<std::byte> bytesOf(const std::vector<Number>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<ModalPairs> modalPairs(const Distilled& distilled, const Checkpoint& checkpoint) {
  std::vector<ModalPairs> blocks;
  std::set<int> seen;
  for (int index = 0; index < static_cast<int>(checkpoint.banks().size()); ++index) {
    const Bank& bank = checkpoint.banks()[static_cast<std::size_t>(index)];
    if (!seen.insert(bank.layer).second) {
      refuse(bank.path, "is the second filter bank of its layer, and the form has one a block", "export safetensors");
    }
    const auto found = std::find_if(distilled.banks.begin(), distilled.banks.end(),
                                    [&](const DistilledBank& other) { return other.path == bank.path; });
    if (found == distilled.banks.end() || static_cast<int>(found->filters.size()) != bank.channels) {
      refuse(bank.path, "is not among the distilled models", "distil this checkpoint again");
    }
    blocks.push_back(blockOf(*found, index, checkpoint));
  }
  return blocks;
}

void writeModalPairs(const std::vector<ModalPairs>& blocks, const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) refuse(folder.string(), "cannot be made (" + failed.message() + ")", "choose another folder");
  ReplacedFiles files;
  for (const ModalPairs& block : blocks) {
    const std::string number = std::to_string(block.block + 1);
    const auto write = [&](const std::string& what, TorchTensor tensor) {
      const std::string stem = "approx_" + what + "_" + number;
      tensor.name = stem;
      files.write(folder / (stem + ".pt"), [&](std::ostream& out) { writeTorchTensor(out, stem, tensor); });
    };
    const std::vector<std::int64_t> shape{block.modes, block.channels};
    write("poles", {"", DataType::c64, shape, bytesOf(block.poles)});
    write("residues", {"", DataType::c64, shape, bytesOf(block.residues)});
    write("D", {"", DataType::f32, {block.channels}, bytesOf(block.skip)});
  }
  files.commit();
}

}  // namespace analysis
