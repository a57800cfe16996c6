#include "analysis/checkpoint/implicitfilter.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace analysis {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::string linear(const std::string& prefix, int index) {
  return prefix + "implicit_filter." + std::to_string(index);
}

std::string freqKey(const std::string& prefix, int index) {
  return linear(prefix, index) + ".freq";
}

// Linear layers sit at even places of the network, sines between them; the last linear layer has no bias. Neighbours
// tell of a weight that is missing: the last one must not be mistaken for the one before it.
int lastLinear(const Survey& survey, const std::string& prefix) {
  const auto present = [&](int index) {
    return survey.has(linear(prefix, index) + ".weight") || survey.has(linear(prefix, index) + ".bias") ||
           survey.has(freqKey(prefix, index - 1));
  };
  int last = 0;
  while (present(last + 2)) last += 2;
  return survey.has(linear(prefix, last) + ".bias") ? last + 2 : last;
}

// One parameter under several names; files may keep any of them, and none when it was not trained: then empty.
std::string freqStored(const Survey& survey, const std::string& prefix, int last) {
  for (int index = 1; index < last; index += 2) {
    if (survey.has(freqKey(prefix, index))) return freqKey(prefix, index);
  }
  return {};
}

struct Layer {
  RowMatrix weight;  // [out, in]
  Eigen::RowVectorXd bias, freq;
};

class ImplicitFilter final : public FilterSource {
 public:
  struct Place {
    const TensorInfo *weight = nullptr, *bias = nullptr, *freq = nullptr;
  };

  void evaluate(int firstChannel, std::span<double> taps, std::span<double> skips, const Task& task) const override {
    const auto channels = static_cast<Eigen::Index>(skips.size());
    const Eigen::Index length = z->shape[1], features = z->shape[2];
    const std::vector<Layer> layers = readLayers();
    const RowMatrix output = readOutput(firstChannel, channels);
    Eigen::VectorXd decay = Eigen::VectorXd::Zero(channels);
    for (Eigen::Index c = 0; c < channels; ++c) {
      const auto column = static_cast<std::uint64_t>(columnOf(firstChannel + static_cast<int>(c)));
      if (options.modulate) file->read(*deltas, column, std::span(&decay[c], 1));
      skips[static_cast<std::size_t>(c)] = 0;
      if (skip != nullptr) file->read(*skip, column, skips.subspan(static_cast<std::size_t>(c), 1));
    }
    decay = decay.cwiseAbs();
    Eigen::Map<RowMatrix> filters(taps.data(), channels, length);
    constexpr Eigen::Index blockRows = 512;
    for (Eigen::Index row = 0; row < length; row += blockRows) {
      task.throwIfStopped();
      const Eigen::Index rows = std::min(blockRows, length - row);
      RowMatrix a(rows, features);
      file->read(*z, static_cast<std::uint64_t>(row * features),
                 std::span(a.data(), static_cast<std::size_t>(a.size())));
      for (const Layer& layer : layers) {
        RowMatrix sum = a * layer.weight.transpose();
        sum.rowwise() += layer.bias;
        sum.array().rowwise() *= layer.freq.array();
        a = sum.array().sin();
      }
      // In memory of Eigen's own, whose alignment is fixed: the caller's would decide which elements go through the
      // vector instructions, and with that the last bit.
      RowMatrix block = output * a.transpose();
      if (options.modulate) modulate(block, row, decay);
      filters.middleCols(row, rows) = block;
    }
  }

  std::shared_ptr<const TensorFile> file;
  const TensorInfo *z = nullptr, *t = nullptr, *deltas = nullptr, *skip = nullptr;
  std::vector<Place> hidden;
  const TensorInfo* last = nullptr;
  double constantFreq = 1;
  ImplicitFilterOptions options;
  int firstColumn = 0, columnStep = 1;

 private:
  int columnOf(int channel) const { return firstColumn + channel * columnStep; }

  void modulate(RowMatrix& block, Eigen::Index row, const Eigen::VectorXd& decay) const {
    Eigen::RowVectorXd time(block.cols());
    file->read(*t, static_cast<std::uint64_t>(row), std::span(time.data(), static_cast<std::size_t>(time.size())));
    const RowMatrix window = ((-decay * time).array().exp() + options.shift).matrix();
    block.array() *= window.array();
  }

  std::vector<Layer> readLayers() const {
    std::vector<Layer> layers;
    for (const Place& place : hidden) {
      Layer layer;
      layer.weight.resize(place.weight->shape[0], place.weight->shape[1]);
      file->read(*place.weight, 0, std::span(layer.weight.data(), static_cast<std::size_t>(layer.weight.size())));
      const auto width = static_cast<std::size_t>(layer.weight.rows());
      layer.bias.resize(layer.weight.rows());
      file->read(*place.bias, 0, std::span(layer.bias.data(), width));
      layer.freq.setConstant(layer.weight.rows(), constantFreq);
      if (place.freq != nullptr) file->read(*place.freq, 0, std::span(layer.freq.data(), width));
      layers.push_back(std::move(layer));
    }
    return layers;
  }

  RowMatrix readOutput(int firstChannel, Eigen::Index channels) const {
    RowMatrix output(channels, last->shape[1]);
    for (Eigen::Index c = 0; c < channels; ++c) {
      const auto row = static_cast<std::uint64_t>(columnOf(firstChannel + static_cast<int>(c)));
      const auto width = static_cast<std::size_t>(output.cols());
      file->read(*last, row * width, std::span(output.row(c).data(), width));
    }
    return output;
  }
};

}  // namespace

ImplicitFilterOptions implicitFilterOptions(Survey& survey, double defaultShift) {
  ImplicitFilterOptions options;
  options.modulate = survey.flag("modulate", {"modulate"}, true, true);
  options.shift = survey.number("shift", {"shift"}, defaultShift, {"0", "0.05"});
  return options;
}

std::optional<ImplicitFilterShape> surveyImplicitFilter(Survey& survey, const std::string& prefix,
                                                        const ImplicitFilterOptions& options) {
  const int last = lastLinear(survey, prefix);
  const std::string z = prefix + "pos_emb.z", first = linear(prefix, 0) + ".weight";
  const int length = survey.size({{z, 1}, {prefix + "pos_emb.t", 1}}), features = survey.size({{z, 2}, {first, 1}});
  const int width = survey.size({{first, 0}, {linear(prefix, 0) + ".bias", 0}});
  const int columns = survey.size({{linear(prefix, last) + ".weight", 0}, {prefix + "modulation.deltas", 2}});
  bool usable = survey.expect(z, {1, length, features}) && length > 0 && features > 0;
  if (options.modulate) {
    usable = survey.expect(prefix + "pos_emb.t", {1, length, 1}) && usable;
    usable = survey.expect(prefix + "modulation.deltas", {1, 1, columns}) && usable;
  } else {
    survey.allow(prefix + "pos_emb.t");
    survey.allow(prefix + "modulation.deltas");
  }
  for (int index = 0; index < last; index += 2) {
    const int inputs = index == 0 ? features : width;
    usable = survey.expect(linear(prefix, index) + ".weight", {width, inputs}) && usable;
    usable = survey.expect(linear(prefix, index) + ".bias", {width}) && usable;
  }
  usable = survey.expect(linear(prefix, last) + ".weight", {columns, width}) && usable && last > 0 && width > 0;
  const std::string freq = freqStored(survey, prefix, last);
  if (freq.empty() && !survey.configured({"w"})) {
    survey.report.missing.push_back(freqKey(prefix, 1) + ": neither in the file nor as w in its configuration");
    usable = false;
  }
  for (int index = 1; index < last && !freq.empty(); index += 2) {
    const std::string key = freqKey(prefix, index);
    if (survey.has(key)) usable = survey.expect(key, {1, width}) && usable;
    if (key != freq) survey.tied(key, freq);
  }
  if (last == 0) survey.report.shapeMismatch.push_back(prefix + "implicit_filter: is no network of several layers");
  if (!usable) return std::nullopt;
  return ImplicitFilterShape{columns, length};
}

std::shared_ptr<const FilterSource> implicitFilterSource(const Survey& survey, const std::string& prefix,
                                                         const ImplicitFilterOptions& options, int firstColumn,
                                                         int columnStep, const std::string& skipKey) {
  auto source = std::make_shared<ImplicitFilter>();
  source->file = survey.sharedFile();
  source->z = survey.find(prefix + "pos_emb.z");
  source->t = survey.find(prefix + "pos_emb.t");
  source->deltas = survey.find(prefix + "modulation.deltas");
  source->skip = skipKey.empty() ? nullptr : survey.find(skipKey);
  const int last = lastLinear(survey, prefix);
  for (int index = 0; index < last; index += 2) {
    const TensorInfo* freq = survey.find(freqKey(prefix, index + 1));
    source->hidden.push_back({survey.find(linear(prefix, index) + ".weight"),
                              survey.find(linear(prefix, index) + ".bias"),
                              freq != nullptr ? freq : survey.find(freqStored(survey, prefix, last))});
  }
  source->last = survey.find(linear(prefix, last) + ".weight");
  if (const auto w = survey.configured({"w"}); w && w->is_number()) source->constantFreq = w->get<double>();
  source->options = options;
  source->firstColumn = firstColumn;
  source->columnStep = columnStep;
  return source;
}

}  // namespace analysis
