#include "analysis/checkpoint/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "analysis/checkpoint/bankcache.h"
#include "analysis/checkpoint/families.h"
#include "analysis/checkpoint/sha256.h"
#include "analysis/checkpoint/survey.h"
#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

constexpr std::size_t cacheBytes = std::size_t(256) << 20;

class SurveyedCheckpoint final : public Checkpoint {
 public:
  explicit SurveyedCheckpoint(Survey done) : survey(std::move(done)) {}

  const TensorFile& tensors() const override { return survey.file(); }
  const CheckpointReport& report() const override { return survey.report; }
  const std::vector<Bank>& banks() const override { return survey.banks; }
  const LanguageModel* languageModel() const override { return survey.model ? &*survey.model : nullptr; }

  std::shared_ptr<const Filter> filter(FilterId id, const Task& task) const override {
    const bool known = id.bank >= 0 && id.bank < survey.bankCount() && id.channel >= 0 &&
                       id.channel < survey.banks[static_cast<std::size_t>(id.bank)].channels;
    if (!known) {
      refuse(tensors().path().string(),
             "has no filter " + std::to_string(id.channel) + " in bank " + std::to_string(id.bank), "choose another");
    }
    const auto bank = static_cast<std::size_t>(id.bank);
    return cache.filter(id, survey.banks[bank], *survey.sources[bank], task);
  }

  std::vector<float> weights(std::string_view key) const override { return survey.floats(key); }
  bool hasWeights(std::string_view key) const override { return survey.has(key); }
  std::optional<std::vector<std::int64_t>> shape(std::string_view key) const override {
    const TensorInfo* info = survey.find(key);
    return info == nullptr ? std::nullopt : std::optional(info->shape);
  }

 private:
  Survey survey;
  mutable BankCache cache{cacheBytes};
};

// Training states of savanna hold a model in pieces that only its own converter puts together.
void refuseTrainingStates(const Survey& survey) {
  for (const auto& [key, info] : survey.keys()) {
    const bool pieces = key.find("mixer.mixer.filter.") != std::string::npos ||
                        key.find("attention.mixer.filter.kernel.") != std::string::npos;
    if (pieces && !key.starts_with("blocks.")) {
      refuse(survey.file().path().string(), "is a training state of savanna",
             "convert it with the converter in Zymrael/savanna and open the result");
    }
  }
}

std::string digest(const std::filesystem::path& path, const Task& task) {
  const auto file = openFile(path);
  Sha256 hash;
  std::vector<std::byte> piece(1 << 20);
  for (std::uint64_t at = 0; at < file->size(); at += piece.size()) {
    task.throwIfStopped();
    const auto chunk =
        std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), file->size() - at)));
    file->read(at, chunk);
    hash.add(chunk);
  }
  return hash.finish();
}

}  // namespace

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::filesystem::path& path, const Task& task,
                                                   const Choices& choices) {
  Survey survey(openTensorFile(path, task), choices);
  task.throwIfStopped();
  refuseTrainingStates(survey);
  if (survey.file().tensors().empty()) refuse(path.string(), "holds no tensors", "choose a checkpoint");
  const auto readers = familyReaders();
  const bool known =
      std::any_of(readers.begin(), readers.end(), [&](const auto* reader) { return reader->read(survey); });
  if (!known) {
    survey.report.family = "Unknown";
    survey.report.recognisedBy = "no tensor has the name and shape of a known family";
    survey.allowAll();
  }
  survey.finish();
  if (known && survey.banks.empty() && !survey.model) {
    const CheckpointReport& report = survey.report;
    const std::string reason = !report.missing.empty()         ? report.missing.front()
                               : !report.shapeMismatch.empty() ? report.shapeMismatch.front()
                               : !report.skipped.empty()       ? report.skipped.front()
                                                               : "nothing usable was found";
    refuse(path.string(), "is a " + report.family + " checkpoint of which nothing can be used (" + reason + ")",
           damagedAdvice);
  }
  return std::make_shared<SurveyedCheckpoint>(std::move(survey));
}

int Checkpoint::filterCount() const {
  int count = 0;
  for (const Bank& bank : banks()) count += bank.channels;
  return count;
}

std::string Checkpoint::filterName(FilterId id) const {
  return analysis::filterName(banks().at(static_cast<std::size_t>(id.bank)), id.channel);
}

std::string Checkpoint::sha256(const Task& task) const {
  // The filters come from the file that was opened; the hash must not name another one.
  if (const auto changed = tensors().changedPart()) {
    refuse(changed->string(), "was replaced while it was open", "open it again");
  }
  const std::vector<std::filesystem::path>& parts = tensors().parts();
  if (parts.size() == 1) return digest(parts.front(), task);
  std::vector<std::string> lines;
  for (const auto& part : parts) {
    task.report(static_cast<double>(lines.size()) / static_cast<double>(parts.size()), "Hashing");
    lines.push_back(part.filename().string());
    lines.back() += '\n' + digest(part, task);
  }
  std::sort(lines.begin(), lines.end());
  Sha256 hash;
  for (const std::string& line : lines) {
    const std::size_t end = line.find('\n');
    const std::string listed = line.substr(end + 1) + "  " + line.substr(0, end) + "\n";
    hash.add(std::as_bytes(std::span(listed)));
  }
  return hash.finish();
}

}  // namespace analysis
