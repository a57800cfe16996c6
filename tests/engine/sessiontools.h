// What tests of sessions have in common.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/session.h"
#include "synthetic.h"

using namespace engine;

struct Case {
  SyntheticSizes sizes;
  std::shared_ptr<const SyntheticCheckpoint> checkpoint;
  std::shared_ptr<const Model> model;
};

inline Case make(const SyntheticSizes& sizes) {
  auto checkpoint = std::make_shared<const SyntheticCheckpoint>(sizes);
  return {sizes, checkpoint, Model::load(checkpoint)};
}

inline Workload workload(Mixer mixer, int capacity, int batch = 1) {
  Workload w;
  w.mode.mixer = mixer;
  w.capacityTokens = capacity;
  w.batch = batch;
  return w;
}

inline std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// Relative, l2.
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(double{a[i]} - b[i], 2);
    norm += std::pow(double{b[i]}, 2);
  }
  return a.size() == b.size() ? std::sqrt(difference / norm) : INFINITY;
}

// Logits of the last token of a prompt and of the last of all, where nobody asks for those in between.
inline std::vector<float> fewLogits(Session& session, const std::vector<int>& tokens, std::size_t prompt) {
  const std::span<const Token> all(tokens);
  session.prefill(all.first(prompt));
  std::vector<float> result = copy(session.logits(0));
  session.force(all.subspan(prompt));
  const auto last = copy(session.logits(0));
  result.insert(result.end(), last.begin(), last.end());
  return result;
}
// The same of logits().
inline std::vector<float> fewOf(const std::vector<float>& all, std::size_t tokens, std::size_t prompt) {
  const std::size_t width = all.size() / tokens;
  const auto row = [&](std::size_t token) { return all.begin() + static_cast<std::ptrdiff_t>(token * width); };
  std::vector<float> result(row(prompt - 1), row(prompt));
  result.insert(result.end(), row(tokens - 1), row(tokens));
  return result;
}

// Logits of all positions: the first `prompt` by prefill, the rest step by step.
inline std::vector<float> logits(const std::shared_ptr<const Model>& model, const Workload& w,
                                 const std::vector<int>& tokens, std::size_t prompt, int threads = 2) {
  Session session(model, w, Device::open("cpu", threads));
  session.keepAllLogits(true);
  const std::span<const Token> all(tokens);
  if (session.prefill(all.first(prompt)) != Outcome::finished) return {};
  std::vector<float> result = copy(session.allLogits());
  const auto last = copy(session.logits(0));
  if (!std::equal(last.begin(), last.end(), result.end() - static_cast<std::ptrdiff_t>(last.size()))) return {};
  session.force(all.subspan(prompt), {}, [&](int) {
    const auto row = copy(session.logits(0));
    result.insert(result.end(), row.begin(), row.end());
  });
  return result;
}

template <class Work>
std::string errorOf(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}
