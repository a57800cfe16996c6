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
  bool keepLogits = false;    // fill Evaluation::logits
  // Evaluation::logits of the reference for the same tokens and windows: then it is not run again.
  std::span<const float> referenceLogits;
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
  std::vector<float> referenceNll;
  std::vector<double> referenceWindowBits;
  double referenceBitsPerToken = 0;
  std::vector<float> logits;  // [windows x windowTokens, vocabulary], only when asked for
  double seconds = 0;         // of the model; of the reference, on the same cores:
  double referenceSeconds = 0;
};

// How much the loss of two evaluations of the same windows differs.
struct LossChange {
  double bits = 0;        // mean bits per token above the original's
  double spreadBits = 0;  // standard error of that mean over the windows; smaller changes are noise. 0: one window
};
LossChange lossChange(const Evaluation& original, const Evaluation& changed);
// The same against the reference that `changed` was measured with.
LossChange lossChange(const Evaluation& changed);

// Mean over all windows of `perToken` in `parts` equal pieces of the window, in order of position: drift. Fewer pieces
// when the window has fewer tokens.
std::vector<double> overPosition(std::span<const float> perToken, int windowTokens, int parts);

// Throws Error(input) when the text is empty, shorter than one window, or outside the vocabulary. Runs on all cores.
// Windows may be longer than the training length where the model has no learned positions: filters have ended there.
Evaluation evaluate(const std::shared_ptr<const Model>&, const EvaluationRequest&,
                    const std::shared_ptr<const Model>& reference = nullptr, const analysis::Task& = {});

}  // namespace engine
