// The four products of a block of 1.3b, 24 blocks of distinct weights in a graph, as the engine multiplies: bare
// (bfloat16 in and out, what tests/bench/peers/torch_products.py does) and with bias, GELU and residual stream, as a
// model runs them.
//   bench_products [ROWS ...]      on cuda:0
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <vector>

#include "engine/bfloat16.h"
#include "engine/cuda/gemm.h"

using namespace engine::cuda;

namespace {

constexpr int layers = 24, width = 2048, inner = 8192, repeats = 33;
constexpr std::size_t workspaceBytes = std::size_t{32} << 20;

struct Shape {
  const char* name;
  int inputs, outputs;
  Finish finish;
};
constexpr Shape shapes[] = {{"in", width, 3 * width, Finish::store},
                            {"out", width, width, Finish::add},
                            {"mlp in", width, inner, Finish::gelu},
                            {"mlp out", inner, width, Finish::add}};

// Uniform numbers in bfloat16, `copies` times the same ones.
DeviceBuffer numbers(std::size_t count, std::size_t copies, float scale) {
  std::vector<std::uint16_t> host(count);
  std::minstd_rand random(7);
  for (std::uint16_t& x : host)
    x = engine::toBfloat16(scale * (static_cast<float>(random()) / static_cast<float>(std::minstd_rand::max()) - 0.5F));
  DeviceBuffer made(count * copies * 2, "numbers");
  for (std::size_t i = 0; i < copies; ++i)
    check(cudaMemcpy(made.bytes() + i * count * 2, host.data(), count * 2, cudaMemcpyHostToDevice), "copying");
  return made;
}

class Bench {
 public:
  Bench() : m_stream(makeStream()), m_workspace(workspaceBytes, "workspace") {
    for (const Shape& s : shapes)
      m_weights.push_back(numbers(std::size_t(s.inputs) * std::size_t(s.outputs), layers, 0.07F));
    m_bias = DeviceBuffer(inner * sizeof(float), "bias");
    check(cudaMemset(m_bias.bytes(), 0, inner * sizeof(float)), "clearing");
  }

  void run(int rows) {
    const DeviceBuffer x = numbers(std::size_t(rows) * inner, 1, 3.4F);
    const DeviceBuffer y(std::size_t(rows) * inner * sizeof(float), "results");
    check(cudaMemset(y.bytes(), 0, std::size_t(rows) * inner * sizeof(float)), "clearing");
    for (const bool bare : {true, false}) {
      const auto product = [&](std::size_t shape, std::size_t layer) {
        const Shape& s = shapes[shape];
        VectorProduct p{};
        p.rows = rows;
        p.inputs = s.inputs;
        p.outputs = s.outputs;
        p.weight = m_weights[shape].bytes() + layer * std::size_t(s.inputs) * std::size_t(s.outputs) * 2;
        p.x = x.bytes();
        p.y = y.bytes();
        p.finish = bare ? Finish::store : s.finish;
        if (!bare) p.bias = m_bias.bytes();
        return p;
      };
      const Launch where{m_stream.get(), false};
      const auto multiply = [&](const VectorProduct& p) {
        m_gemm.multiply(p, Type::bfloat16, false, m_workspace.bytes(), workspaceBytes, where);
      };
      std::printf("%5d rows, %s:", rows, bare ? "bare" : "as in a model");
      for (std::size_t s = 0; s < std::size(shapes); ++s) {
        m_gemm.tune(product(s, 0), Type::bfloat16, m_workspace.bytes(), workspaceBytes, where);
        std::printf("  %s %.1f", shapes[s].name, time([&](std::size_t layer) { multiply(product(s, layer)); }));
      }
      std::printf("  a block %.1f us\n", time([&](std::size_t layer) {
                    for (std::size_t s = 0; s < std::size(shapes); ++s) multiply(product(s, layer));
                  }));
      std::fflush(stdout);
    }
  }

 private:
  // Microseconds a layer: median over replays of a graph of all layers.
  template <class Work>
  double time(const Work& work) {
    cudaGraph_t recorded = nullptr;
    cudaGraphExec_t made = nullptr;
    check(cudaStreamBeginCapture(m_stream.get(), cudaStreamCaptureModeThreadLocal), "recording");
    for (std::size_t layer = 0; layer < layers; ++layer) work(layer);
    check(cudaStreamEndCapture(m_stream.get(), &recorded), "recording");
    const Graph graph(recorded);
    check(cudaGraphInstantiate(&made, graph.get(), 0), "recording");
    const GraphExec exec(made);
    const Event start = makeEvent(), end = makeEvent();
    std::vector<double> seconds;
    for (int i = -3; i < repeats; ++i) {
      check(cudaEventRecord(start.get(), m_stream.get()), "reading a clock");
      check(cudaGraphLaunch(exec.get(), m_stream.get()), "multiplying");
      check(cudaEventRecord(end.get(), m_stream.get()), "reading a clock");
      check(cudaStreamSynchronize(m_stream.get()), "waiting");
      if (i >= 0) seconds.push_back(secondsBetween(start, end));
    }
    std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
    return 1e6 * seconds[repeats / 2] / layers;
  }

  Stream m_stream;
  DeviceBuffer m_workspace, m_bias;
  std::vector<DeviceBuffer> m_weights;
  Gemm m_gemm;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Bench bench;
    for (int i = 1; i < argc; ++i) bench.run(std::atoi(argv[i]));
    for (const int rows : {512, 1024, 2048})
      if (argc < 2) bench.run(rows);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
