// Generation on a device, point by point, with the roofs of the same run. Needs no display and no Qt.
//   bench_device DEVICE PRESET[/N] ORDER MODE:BATCHES:PROMPT:GENERATE ...      MODE as in `polecat bench --modes`
// N: MultiHyena with heads of N channels in place of Hyena.
// A batch "limit" stands for the largest that fits: predicted, and found by doubling and bisection.
// e.g. bench_device cuda:0 1.3b 32 attention:1,64:512:256 modal:1,64,1024:512:256
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "engine/benchmark.h"
#include "engine/error.h"
#include "engine/presets.h"

using namespace engine;

namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

const std::map<std::string, Mixer> mixers{{"attention", Mixer::attention},
                                          {"convolution", Mixer::convolutionLazy},
                                          {"responses", Mixer::convolutionLazy},  // of h^, as long as the capacity
                                          {"tiled", Mixer::convolutionTiled},     // of h^
                                          {"modal", Mixer::modal},
                                          {"blocked", Mixer::modalBlocked},
                                          {"companion", Mixer::companion}};

int run(int argc, char** argv) {
  const auto device = Device::open(argv[1]);
  const bool gpu = device->id() != "cpu";
  const Calibration roof = device->calibrate();
  std::printf("calibration: copy %.3f TB/s, matmul %.0f TFLOP/s\n", roof.copyBytesPerSecond / 1e12,
              roof.matmulFlopsPerSecond / 1e12);
  const auto size = split(argv[2], '/');
  const int headWidth = size.size() > 1 ? std::atoi(size[1].c_str()) : 1;
  RandomModel hyena;
  std::shared_ptr<const Model> transformer;
  const Residence residence = gpu ? Residence::device : Residence::host;
  std::printf("%-12s %6s %5s %5s %10s %11s %11s %9s %7s %7s %8s %9s %9s %9s\n", "mode", "batch", "P", "G", "prefill s",
              "decode t/s", "all t/s", "ms/step", "p99/50", "W", "bytes", "MB pred", "MB delta", "setup s");
  for (int i = 4; i < argc; ++i) {
    const auto parts = split(argv[i], ':');
    const Mixer mixer = mixers.at(parts.at(0));
    for (const std::string& batch : split(parts.at(1), ',')) {
      BenchmarkRequest request;
      request.device = device;
      request.workload.mode.mixer = mixer;
      request.workload.batch = std::atoi(batch.c_str());
      request.promptTokens = std::atoi(parts.at(2).c_str());
      request.newTokens = std::atoi(parts.at(3).c_str());
      if (parts.size() > 4) request.workload.mode.blockLength = std::atoi(parts.at(4).c_str());
      request.repeats = std::getenv("REPEATS") ? std::atoi(std::getenv("REPEATS")) : 5;
      request.seconds = std::getenv("SECONDS_EACH") ? std::atof(std::getenv("SECONDS_EACH")) : 3;
      try {
        if (mixer == Mixer::attention) {
          hyena = {};
          if (!transformer) transformer = randomTransformer(size[0], 1, 0, WeightType::float32, residence);
          request.model = transformer;
        } else {
          transformer.reset();
          if (!hyena.original)
            hyena = randomModel(size[0], std::atoi(argv[3]), 1, 0, WeightType::float32, residence, headWidth);
          request.model = parts[0] == "convolution" ? hyena.original : hyena.distilled;
        }
        if (batch == "limit") {
          const BatchLimit limit = batchLimit(request, 65535);
          std::printf("%-12s  limit %5d %5d  predicted %d, found %d\n", parts[0].c_str(), request.promptTokens,
                      request.newTokens, limit.predicted, limit.found);
          std::fflush(stdout);
          continue;
        }
        const BenchmarkResult r = measure(request);
        std::printf("%-12s %6d %5d %5d %10.4f %11.0f %11.0f %9.4f %7.3f %7.3f %8.3f %9.1f %9.1f %9.2f\n",
                    parts[0].c_str(), request.workload.batch, request.promptTokens, request.newTokens,
                    r.prefillSeconds, r.decodeTokensPerSecond.median, r.totalTokensPerSecond.median, 1e3 * r.p50,
                    r.p99 / r.p50, r.weightBytesPerStep / r.p50 / roof.copyBytesPerSecond,
                    r.streamedBytesPerStep / r.p50 / roof.copyBytesPerSecond, double(r.predictedBytes) / 1e6,
                    double(r.deviceDeltaBytes) / 1e6, r.setupSeconds);
      } catch (const Error& error) {
        std::printf("%-12s %6d %5d %5d  %s\n", parts[0].c_str(), request.workload.batch, request.promptTokens,
                    request.newTokens, error.what());
      }
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: bench_device DEVICE PRESET[/N] ORDER MODE:BATCHES:PROMPT:GENERATE[:BLOCK] ...\n");
    return 2;
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
