#include "app/lanedevice.h"

#include <QCoreApplication>
#include <algorithm>

#include "engine/error.h"

namespace app {

namespace {

QString words(const char* text) {
  return QCoreApplication::translate("LaneDevice", text);
}

bool usableGpu(const engine::DeviceInfo& info) {
  return info.id != "cpu" && info.usable;
}

}  // namespace

QString noGpuRemark(const std::vector<engine::DeviceInfo>& devices) {
  if (std::any_of(devices.begin(), devices.end(), usableGpu)) return {};
  return words("No GPU: the CPU runs");
}

LaneDevice chooseDevice(const QString& asked, const LaneModels& lanes, const LaneDevice& open) {
  const std::vector<engine::DeviceInfo> devices = engine::devices();
  const auto opened = [&](const std::string& id) {
    return open.device && open.info.id == id ? open.device : engine::Device::open(id);
  };
  LaneDevice chosen;
  if (!asked.isEmpty()) {
    chosen.device = opened(asked.toStdString());  // says why it cannot
    for (const engine::DeviceInfo& info : devices)
      if (info.id == asked.toStdString()) chosen.info = info;
    return chosen;
  }
  if (const auto gpu = std::find_if(devices.begin(), devices.end(), usableGpu); gpu != devices.end()) {
    try {
      chosen.device = opened(gpu->id);
      for (const auto& [model, mixer] : lanes) {
        engine::Workload workload;
        workload.mode.mixer = mixer;
        chosen.device->require(*model, workload);
      }
      chosen.info = *gpu;
      return chosen;
    } catch (const engine::Error& error) {
      chosen.remark = words("The GPU cannot: the CPU runs");
      chosen.detail = QString::fromUtf8(error.what());
    }
  } else {
    chosen.remark = noGpuRemark(devices);
    if (devices.size() > 1) chosen.detail = QString::fromStdString(devices[1].remark);
  }
  chosen.device = opened("cpu");
  chosen.info = devices.front();
  return chosen;
}

}  // namespace app
