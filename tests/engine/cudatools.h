// What tests of the engine on a GPU have in common.
#pragma once

#include <QtTest>

#include <cmath>

#include "engine/cudadevice.h"
#include "sessiontools.h"

inline const DeviceInfo& gpu() {
  static const DeviceInfo info = cudaDevices().front();
  return info;
}

inline std::shared_ptr<Device> board() {
  static const std::shared_ptr<Device> device = Device::open(gpu().id);
  return device;
}

inline std::vector<float> logitsOn(const std::shared_ptr<Device>& device, const std::shared_ptr<const Model>& model,
                                   const Workload& w, const std::vector<int>& tokens, std::size_t prompt) {
  Session session(model, w, device);
  session.keepAllLogits(true);
  const std::span<const Token> all(tokens);
  session.prefill(all.first(prompt));
  std::vector<float> result = copy(session.allLogits());
  session.force(all.subspan(prompt), {}, [&](int) {
    const auto row = copy(session.logits(0));
    result.insert(result.end(), row.begin(), row.end());
  });
  return result;
}

// Of all sequences, one after the other.
inline std::vector<float> lastLogits(const Session& session, int batch) {
  std::vector<float> rows;
  for (int b = 0; b < batch; ++b) {
    const auto row = copy(session.logits(b));
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

// Mean KL(b || a) over rows, nats.
inline double divergence(const std::vector<float>& a, const std::vector<float>& b, std::size_t width) {
  double total = 0;
  for (std::size_t row = 0; row < b.size(); row += width) {
    const auto logSum = [&](const std::vector<float>& x) {
      double most = -INFINITY, sum = 0;
      for (std::size_t i = 0; i < width; ++i) most = std::max(most, double{x[row + i]});
      for (std::size_t i = 0; i < width; ++i) sum += std::exp(x[row + i] - most);
      return most + std::log(sum);
    };
    const double za = logSum(a), zb = logSum(b);
    for (std::size_t i = 0; i < width; ++i)
      total += std::exp(b[row + i] - zb) * ((b[row + i] - zb) - (a[row + i] - za));
  }
  return total / (static_cast<double>(b.size()) / static_cast<double>(width));
}

struct Setting {
  Case c;
  std::shared_ptr<const Model> model;
  Workload w;
};

// convolution, distilled (convolution of h^), modal, blocked, companion; "heads": the same of MultiHyena; "partly": every
// third filter stays a convolution.
inline const char* const kinds[] = {"convolution", "distilled", "tiled", "distilled tiled", "modal", "blocked", "companion",
                                    "partly distilled", "partly modal", "partly blocked", "partly companion", "attention",
                                    "heads convolution", "heads distilled", "heads tiled", "heads distilled tiled",
                                    "heads modal", "heads blocked", "heads companion"};

inline Mixer mixerOf(const QString& kind) {
  if (kind == "attention") return Mixer::attention;
  if (kind.endsWith("modal")) return Mixer::modal;
  if (kind.endsWith("blocked")) return Mixer::modalBlocked;
  if (kind.endsWith("tiled")) return Mixer::convolutionTiled;
  return kind.endsWith("companion") ? Mixer::companion : Mixer::convolutionLazy;
}

// Heads of MultiHyena have 5, 83, 8, 8 or 16 channels at widths 20, 83, 64, 128 or 256.
inline Setting setting(const QString& kind, int width, int prompt, int tokens) {
  SyntheticSizes sizes;
  sizes.width = width;
  sizes.innerWidth = 2 * width + 3;
  sizes.tiedHead = width != 83;
  if (kind == "attention") {
    sizes.mixer = analysis::MixerKind::attention;
    sizes.heads = width % 4 == 0 ? 4 : 1;
    sizes.positions = tokens + 8;
  } else if (kind.startsWith("heads")) {
    sizes.mixer = analysis::MixerKind::multiHyena;
    sizes.heads = width == 20 ? 4 : width == 83 ? 1 : width == 256 ? 16 : width / 8;
  }
  Setting s{make(sizes), nullptr, {}};
  s.model = s.c.model;
  const bool original = kind == "attention" || kind == "tiled" || kind == "heads tiled" || kind.endsWith("convolution");
  if (!original)
    s.model = s.c.model->withDistilled(randomDistilled(*s.c.checkpoint, 3, 2, kind.startsWith("partly") ? 3 : 0, 5));
  s.w = workload(mixerOf(kind), tokens + 3);
  s.w.mode.blockLength = 1 + prompt % 20;
  return s;
}

inline void addKinds() {
  QTest::addColumn<QString>("kind");
  for (const char* kind : kinds) QTest::newRow(kind) << kind;
}
