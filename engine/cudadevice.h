// GPUs as devices of the engine. Internal to engine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/device.h"

namespace engine {

// The GPUs that the CUDA module finds; without module or driver one entry "cuda" that is not usable and says why.
std::vector<DeviceInfo> cudaDevices();
// "cuda:N". Throws Error(device) with the reason when it cannot be used.
std::shared_ptr<Device> openCuda(const std::string& id);

}  // namespace engine
