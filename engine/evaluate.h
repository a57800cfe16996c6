// The effect on the model: loss on a text, and distance between original and distilled, token by token.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "analysis/task.h"
#include "engine/model.h"
#include "engine/workload.h"

namespace engine {

struct EvaluationRequest {
  std::vector<Token> tokens;  // the text; windows of windowTokens inputs + 1 target, no overlap, from the start
  int windows = 0;            // 0: as many as fit
  int windowTokens = 0;       // 0: the model's training length
  Mode mode;                  // prefill by FFT (default, exact for h or h^) or token by token with a mixer
  bool stepByStep = false;    // true: through Session::force, as generation would
};

struct Evaluation {
  int windows = 0, windowTokens = 0;
  std::vector<float> nll;          // nats per predicted token, window after window
  std::vector<double> windowBits;  // mean bits per token of each window: shows the spread
  double bitsPerToken = 0;
  double perplexity = 0;
  // Against the reference model, when one was given:
  std::vector<float> kl;       // KL(reference || model) per token, nats
  double klPerToken = 0;       // mean, nats
  double topOneAgreement = 0;  // share of positions with the same most likely token
  double seconds = 0;
};

// Throws Error(input) when the text is shorter than one window. Runs on all cores.
Evaluation evaluate(const std::shared_ptr<const Model>&, const EvaluationRequest&,
                    const std::shared_ptr<const Model>& reference = nullptr, const analysis::Task& = {});

}  // namespace engine
