#include "app/runrecord.h"

#include <nlohmann/json.hpp>

#include "app/sessionfile.h"
#include "engine/device.h"
#include "widgets/datatable.h"

namespace app {

namespace {

const char* kindName(Lane::Kind kind) {
  switch (kind) {
    case Lane::Kind::original:
      return "original";
    case Lane::Kind::distilled:
      return "distilled";
    case Lane::Kind::transformer:
      return "transformer";
  }
  return "";
}

}  // namespace

std::string runJson(const GenerationRun& run) {
  using Json = nlohmann::ordered_json;
  const GenerationSettings& settings = run.settings();
  Json lanes = Json::array();
  for (const Lane& lane : run.lanes()) {
    Json sweep = Json::array();
    for (const SweepPoint& point : lane.sweep)
      sweep.push_back({{"batch", point.batch}, {"tokensPerSecond", point.tokensPerSecond}});
    lanes.push_back({{"lane", kindName(lane.kind)},
                     {"what", lane.remark.toStdString()},
                     {"error", lane.error.toStdString()},
                     {"tokensPerSecond", lane.rate(settings.batch)},
                     {"secondsPerTokenMedian", lane.medianSeconds()},
                     {"secondsPerTokenP99", lane.percentileSeconds(0.99)},
                     {"prefillSeconds", lane.prefillSeconds},
                     {"bytesPerSequence", lane.bytesAt(lane.capacityTokens)},
                     {"weightBytes", lane.memory.weightBytes},
                     {"tableBytes", lane.memory.tableBytes},
                     {"text", lane.text.toStdString()},
                     {"tokens", lane.tokens},
                     {"secondsPerToken", lane.tokenSeconds},
                     {"batchSweep", sweep}});
  }
  const Json json = {{"polecat", "generation"},
                     {"version", 1},
                     {"provenance", run.provenance().toStdString()},
                     {"device", run.device().info.name},
                     {"type", run.device().type().toStdString()},
                     {"prompt", settings.prompt.toStdString()},
                     {"promptTokens", run.promptTokens()},
                     {"tokensAsked", settings.tokens},
                     {"batch", settings.batch},
                     {"seed", settings.seed},
                     {"temperature", settings.sampling.temperature},
                     {"topK", settings.sampling.topK},
                     {"topP", settings.sampling.topP},
                     {"identicalTokens", run.identicalTokens()},
                     {"lanes", lanes}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

QString runCsv(const GenerationRun& run) {
  widgets::DataTable table;
  std::size_t longest = 0;
  for (const Lane& lane : run.lanes()) longest = std::max(longest, lane.tokenSeconds.size());
  std::vector<double> positions;
  for (std::size_t t = 0; t < longest; ++t)
    positions.push_back(static_cast<double>(run.promptTokens()) + 1.0 + static_cast<double>(t));
  table.add(QStringLiteral("position (tokens)"), positions);
  for (const Lane& lane : run.lanes()) {
    std::vector<double> bytes;
    for (std::size_t t = 0; t < lane.tokenSeconds.size(); ++t)
      bytes.push_back(lane.bytesAt(static_cast<int>(positions[t])));
    const QString name = QString::fromLatin1(kindName(lane.kind));
    table.add(name + QStringLiteral(" time (s)"), lane.tokenSeconds);
    table.add(name + QStringLiteral(" memory (bytes per sequence)"), std::move(bytes));
  }
  return table.csv();
}

QString saveRun(const GenerationRun& run, const QString& path) {
  return writeWhole(path, path.endsWith(QLatin1String(".csv")) ? runCsv(run).toStdString() : runJson(run));
}

}  // namespace app
