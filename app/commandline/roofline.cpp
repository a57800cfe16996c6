#include "app/commandline/roofline.h"

#include <QApplication>
#include <algorithm>

#include "analysis/error.h"
#include "app/commandline/offscreen.h"
#include "app/commandline/options.h"
#include "app/commandline/outputfile.h"
#include "widgets/rooflineplot.h"
#include "widgets/theme.h"

namespace commandline {
namespace {

widgets::Role roleOf(engine::Mixer mixer) {
  switch (mixer) {
    case engine::Mixer::convolutionLazy:
      return widgets::Role::Original;
    case engine::Mixer::convolutionTiled:
      return widgets::Role::Overlay1;
    case engine::Mixer::modal:
      return widgets::Role::Distilled;
    case engine::Mixer::modalBlocked:
      return widgets::Role::Overlay2;
    case engine::Mixer::companion:
      return widgets::Role::Overlay3;
    case engine::Mixer::attention:
      return widgets::Role::Transformer;
  }
  return widgets::Role::Original;
}

}  // namespace

app::MeasuredRoof roofOf(const engine::Device& device, const engine::Calibration& measured) {
  const bool cpu = device.id() == "cpu";
  return {cpu ? app::measureRoof().flopsPerSecond : measured.matmulFlopsPerSecond, measured.copyBytesPerSecond};
}

double RooflinePlace::attainable(const app::MeasuredRoof& roof) const {
  return std::min(roof.flopsPerSecond, roof.bytesPerSecond * flopsPerByte);
}

RooflinePlace placeOf(const engine::BenchmarkRequest& request, const engine::BenchmarkResult& result) {
  engine::Workload workload = request.workload;
  workload.capacityTokens = request.promptTokens + request.newTokens;
  const double flops =
      request.device->predict(request.model->shape(), workload).flopsPerToken * double(workload.batch);
  RooflinePlace place;
  place.name = modeName(workload.mode.mixer) + ", batch " + std::to_string(workload.batch);
  place.mixer = workload.mode.mixer;
  place.flopsPerByte = flops / result.streamedBytesPerStep;
  place.flopsPerSecond = flops / result.p50;
  return place;
}

nlohmann::ordered_json toJson(const RooflinePlace& place, const app::MeasuredRoof& roof) {
  const double attainable = place.attainable(roof);
  return {{"flopsPerByte", place.flopsPerByte},
          {"flopsPerSecond", place.flopsPerSecond},
          {"attainableFlopsPerSecond", attainable},
          {"share", place.flopsPerSecond / attainable}};
}

void drawRoofline(const std::filesystem::path& target, const std::string& device, const app::MeasuredRoof& roof,
                  const std::vector<RooflinePlace>& places, const std::string& provenance) {
  const auto application = makeOffscreenApplication();
  const widgets::Theme theme = widgets::Theme::light();
  widgets::applyTheme(*application, theme);
  widgets::RooflinePlot plot;
  plot.setRoof({QString::fromStdString(device), roof.flopsPerSecond, roof.bytesPerSecond});
  std::vector<widgets::RooflinePoint> points;
  points.reserve(places.size());
  for (const RooflinePlace& place : places)
    points.push_back(
        {QString::fromStdString(place.name), roleOf(place.mixer), place.flopsPerByte, place.flopsPerSecond});
  plot.setPoints(std::move(points));
  plot.setProvenance(QString::fromStdString(provenance));
  writeFileBy(target, [&](const std::filesystem::path& temporary) {
    const QString failure = plot.exportTo(QString::fromStdString(temporary.string()), {{960, 600}, 1, theme});
    if (failure.isEmpty()) return;
    throw analysis::Error(analysis::ErrorKind::output, target.string(), "the figure could not be written",
                          "check the free space and the permissions");
  });
}

}  // namespace commandline
