#include "synthetic.h"

#include <cmath>
#include <numbers>
#include <random>
#include <stdexcept>

using namespace analysis;

namespace {

std::vector<float> normal(std::size_t count, double deviation, std::mt19937& random, double mean = 0) {
  std::normal_distribution<double> distribution(mean, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(distribution(random));
  return values;
}

}  // namespace

SyntheticCheckpoint::SyntheticCheckpoint(const SyntheticSizes& s) {
  std::mt19937 random(s.seed);
  const auto add = [&](const std::string& key, int rows, int columns, double deviation, double mean = 0) {
    m_values[key] = normal(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), deviation, random, mean);
  };
  const auto linear = [&](const std::string& key, int outputs, int inputs) {
    add(key + ".weight", outputs, inputs, 1 / std::sqrt(inputs));
    add(key + ".bias", outputs, 1, 0.1);
  };
  const auto norm = [&](const std::string& key, bool shift) {
    add(key + ".weight", s.width, 1, 0.2, 1);
    if (shift) add(key + ".bias", s.width, 1, 0.1);
  };

  add("embeddings.word_embeddings.weight", s.vocabulary, s.width, 1);
  if (s.positions > 0) add("embeddings.position_embeddings.weight", s.positions, s.width, 0.5);
  if (!s.tiedHead) add("lm_head.weight", s.vocabulary, s.width, 0.3);
  norm("ln_f", true);

  m_description.family = "synthetic";
  m_description.width = s.width;
  m_description.innerWidth = s.innerWidth;
  m_description.vocabularySize = s.vocabularySize;
  m_description.vocabularyPadded = s.vocabulary;
  m_description.trainingLengthTokens = s.positions > 0 ? s.positions : s.filterLength;
  m_description.hyenaOrder = s.hyenaOrder;
  m_description.heads = s.heads;
  m_description.shortFilterTaps = s.shortFilterTaps;
  m_description.positions = s.positions;
  m_description.tiedHead = s.tiedHead;
  m_description.tokenizer = TokenizerKind::bytes;

  const auto addBank = [&](const std::string& path, int layer, int operatorIndex, int operators, int channels,
                           bool skips) {
    Bank bank{path, layer, operatorIndex, operators, channels, s.filterLength, s.heads > 0};
    std::vector<std::shared_ptr<const Filter>> filters;
    for (int c = 0; c < channels; ++c) {
      auto filter = std::make_shared<Filter>();
      filter->id = {static_cast<int>(m_banks.size()), c};
      filter->name = path + "." + std::to_string(c);
      const double decay = 1.0 / s.filterLength * (0.5 + 4.0 * c / channels);
      for (const float tap : normal(static_cast<std::size_t>(s.filterLength), 0.3, random))
        filter->taps.push_back(tap * std::exp(-decay * static_cast<double>(filter->taps.size())));
      filter->skip = skips ? normal(1, 0.7, random)[0] : 0;
      filters.push_back(std::move(filter));
    }
    m_banks.push_back(std::move(bank));
    m_filters.push_back(std::move(filters));
    return static_cast<int>(m_banks.size()) - 1;
  };

  for (int layer = 0; layer < s.layers; ++layer) {
    BlockDescription block;
    block.mixer = s.mixer;
    block.prefix = "layers." + std::to_string(layer);
    if (s.mixer == MixerKind::multiHyena) {
      for (const char* n : {".norm1", ".norm2", ".norm3"}) norm(block.prefix + n, false);
      for (int op = 0; op < 2; ++op) {
        const std::string prefix = block.prefix + (op == 0 ? ".model" : ".model2");
        linear(prefix + ".in_proj", 3 * s.width, s.width);
        add(prefix + ".short_filter.weight", 3 * s.width, s.shortFilterTaps, 0.5);
        add(prefix + ".short_filter.bias", 3 * s.width, 1, 0.1);
        linear(prefix + ".out_proj", s.width, s.width);
        norm(prefix + ".norm", false);
        block.banks.push_back(addBank(prefix + ".filter", layer, op, 2, s.heads, false));
      }
      linear(block.prefix + ".l1", 2 * s.innerWidth, s.width);
      linear(block.prefix + ".l2", s.width, s.innerWidth);
    } else {
      norm(block.prefix + ".norm1", true);
      norm(block.prefix + ".norm2", true);
      const std::string mixer = block.prefix + ".mixer";
      if (s.mixer == MixerKind::attention) {
        linear(mixer + ".Wqkv", 3 * s.width, s.width);
      } else {
        linear(mixer + ".in_proj", (s.hyenaOrder + 1) * s.width, s.width);
        add(mixer + ".short_filter.weight", (s.hyenaOrder + 1) * s.width, s.shortFilterTaps, 0.5);
        add(mixer + ".short_filter.bias", (s.hyenaOrder + 1) * s.width, 1, 0.1);
        for (int op = 0; op + 1 < s.hyenaOrder; ++op)
          block.banks.push_back(addBank(mixer + ".filter_fn" + (op > 0 ? std::to_string(op) : ""), layer, op,
                                        s.hyenaOrder - 1, s.width, true));
      }
      linear(mixer + ".out_proj", s.width, s.width);
      linear(block.prefix + ".mlp.fc1", s.innerWidth, s.width);
      linear(block.prefix + ".mlp.fc2", s.width, s.innerWidth);
    }
    m_description.blocks.push_back(block);
  }
}

const TensorFile& SyntheticCheckpoint::tensors() const {
  throw std::logic_error("a synthetic checkpoint has no file");
}

std::shared_ptr<const Filter> SyntheticCheckpoint::filter(FilterId id, const Task&) const {
  return m_filters.at(static_cast<std::size_t>(id.bank)).at(static_cast<std::size_t>(id.channel));
}

void SyntheticCheckpoint::adopt(const Distilled& distilled) {
  for (std::size_t bank = 0; bank < m_filters.size(); ++bank)
    for (std::size_t c = 0; c < m_filters[bank].size(); ++c) {
      auto filter = std::make_shared<Filter>(*m_filters[bank][c]);
      filter->taps = distilled.banks[bank].filters[c]->model.impulseResponse(m_banks[bank].lengthSamples);
      m_filters[bank][c] = std::move(filter);
    }
}

std::vector<float> SyntheticCheckpoint::weights(std::string_view key) const {
  return m_values.find(key)->second;
}

bool SyntheticCheckpoint::hasWeights(std::string_view key) const {
  return m_values.find(key) != m_values.end();
}

std::optional<std::vector<std::int64_t>> SyntheticCheckpoint::shape(std::string_view) const {
  return std::nullopt;
}

Distilled randomDistilled(const Checkpoint& checkpoint, int pairs, int reals, int keepEvery, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  Distilled distilled;
  for (int b = 0; b < static_cast<int>(checkpoint.banks().size()); ++b) {
    const Bank& bank = checkpoint.banks()[static_cast<std::size_t>(b)];
    DistilledBank models{bank.path, {}};
    for (int c = 0; c < bank.channels; ++c) {
      auto& model = models.filters.emplace_back();
      if (keepEvery > 0 && c % keepEvery == keepEvery - 1) continue;
      model.emplace();
      model->skip = checkpoint.filter({b, c})->skip;
      model->model.feedthrough = unit(random) - 0.5;
      const int lessPairs = c % 3 == 0 ? 1 : 0;  // unequal orders inside a bank
      for (int k = 0; k < pairs - lessPairs; ++k)
        model->model.modes.push_back(
            {{std::log(1 - std::pow(10, -1 - 2 * unit(random))), 0.02 + (std::numbers::pi - 0.04) * unit(random)},
             {0.2 * (unit(random) - 0.5), 0.2 * (unit(random) - 0.5)},
             true});
      for (int k = 0; k < reals; ++k)
        model->model.modes.push_back({{std::log(1 - std::pow(10, -1 - 2 * unit(random))), k % 2 ? std::numbers::pi : 0},
                                      {0.2 * (unit(random) - 0.5), 0},
                                      false});
    }
    distilled.banks.push_back(std::move(models));
  }
  return distilled;
}

std::vector<int> randomTokens(int count, int vocabulary, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> id(0, vocabulary - 1);
  std::vector<int> tokens(static_cast<std::size_t>(count));
  for (int& token : tokens) token = id(random);
  return tokens;
}
