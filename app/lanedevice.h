// On which device the lanes run: the one asked for, or the first GPU that can run them all, else the CPU, with the
// reason in words.
#pragma once

#include <QString>
#include <memory>
#include <utility>
#include <vector>

#include "engine/device.h"
#include "engine/model.h"

namespace app {

struct LaneDevice {
  engine::DeviceInfo info;
  std::shared_ptr<engine::Device> device;  // to predict with; lanes and sweeps open their own
  QString remark;                          // why the CPU runs although nobody asked for it; empty otherwise
  QString detail;                          // what the driver or the engine said

  bool gpu() const { return info.id != "cpu"; }
  // Of matrices and activations: "float32" or "bfloat16".
  QString type() const { return gpu() ? QStringLiteral("bfloat16") : QStringLiteral("float32"); }
};

using LaneModels = std::vector<std::pair<std::shared_ptr<const engine::Model>, engine::Mixer>>;

// `asked`: an id of engine::devices(); empty: automatic. May load the driver, so not for the window's thread. Throws
// engine::Error(device) for an id that cannot be used here. A device that `open` already holds is taken from there.
LaneDevice chooseDevice(const QString& asked, const LaneModels&, const LaneDevice& open = {});

// The sentence for a list of devices without a usable GPU; empty when there is one.
QString noGpuRemark(const std::vector<engine::DeviceInfo>&);

}  // namespace app
