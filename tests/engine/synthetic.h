// Small language models with random weights, presented as a checkpoint. Values are seeded; sizes are the test's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/distilled.h"

struct SyntheticSizes {
  analysis::MixerKind mixer = analysis::MixerKind::hyena;
  int layers = 2, width = 20, innerWidth = 36, vocabulary = 40, vocabularySize = 37;
  int hyenaOrder = 2, heads = 0, positions = 0, filterLength = 48, shortFilterTaps = 3;
  bool tiedHead = true;
  unsigned seed = 1;
};

class SyntheticCheckpoint final : public analysis::Checkpoint {
 public:
  explicit SyntheticCheckpoint(const SyntheticSizes&);

  const analysis::TensorFile& tensors() const override;
  const analysis::CheckpointReport& report() const override { return m_report; }
  const std::vector<analysis::Bank>& banks() const override { return m_banks; }
  std::shared_ptr<const analysis::Filter> filter(analysis::FilterId, const analysis::Task& = {}) const override;
  const analysis::LanguageModel* languageModel() const override { return &m_description; }
  std::vector<float> weights(std::string_view key) const override;
  bool hasWeights(std::string_view key) const override;
  std::optional<std::vector<std::int64_t>> shape(std::string_view key) const override;

  // Makes the filters those of the models, so that the models are exact on the first filterLength taps.
  void adopt(const analysis::Distilled&);
  // For tests of bad files.
  std::map<std::string, std::vector<float>, std::less<>>& values() { return m_values; }

 private:
  analysis::CheckpointReport m_report;
  std::vector<analysis::Bank> m_banks;
  std::vector<std::vector<std::shared_ptr<const analysis::Filter>>> m_filters;
  analysis::LanguageModel m_description;
  std::map<std::string, std::vector<float>, std::less<>> m_values;
};

// Random stable models for every filter of the checkpoint: up to `pairs` conjugate pairs and `reals` real poles each,
// slowest |lambda| 0.999; every `keepEvery`-th channel (0: none) is left out.
analysis::Distilled randomDistilled(const analysis::Checkpoint&, int pairs, int reals, int keepEvery, unsigned seed);

// Random ids below `vocabulary`.
std::vector<int> randomTokens(int count, int vocabulary, unsigned seed);
