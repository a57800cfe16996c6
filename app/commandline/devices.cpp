// polecat devices: what this machine can compute on.
#include "engine/device.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/commandline/table.h"
#include "app/commandline/verb.h"

namespace commandline {
namespace {

void listDevices(bool json) {
  const auto devices = engine::devices();
  if (json) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& device : devices) {
      list.push_back({{"id", device.id},
                      {"name", device.name},
                      {"usable", device.usable},
                      {"cores", device.cores},
                      {"memoryBytes", device.memoryBytes},
                      {"freeBytes", device.freeBytes},
                      {"remark", device.remark}});
    }
    return print({{"schema", 1}, {"devices", std::move(list)}});
  }
  Table table({"<device", "<name", "cores", "memory", "free", "<usable", "<remark"});
  for (const auto& device : devices) {
    table.row({device.id, device.name, count(device.cores), bytes(double(device.memoryBytes)),
               bytes(double(device.freeBytes)), device.usable ? "yes" : "no", device.remark});
  }
  table.print(std::cout);
}

}  // namespace

void addDevices(CLI::App& parent, Action& chosen) {
  CLI::App* verb = parent.add_subcommand("devices", "List what this machine can compute on");
  auto json = std::make_shared<bool>(false);
  addJson(*verb, *json);
  verb->callback([json, &chosen] { chosen = [json](const Surroundings&) { listDevices(*json); }; });
}

}  // namespace commandline
