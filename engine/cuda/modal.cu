// The modal recurrence, plain, and the history of the short filter.
#include "engine/cuda/modes.cuh"

namespace engine::cuda {
namespace {

template <class T>
__global__ void historyKernel(MixerPrompt prompt) {
  letSuccessorStart();
  waitForPredecessor();
  const int columns = streamColumns(prompt.stride), slots = prompt.shortFilter.taps - 1;
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  const int lag = 1 + blockIdx.y, t = prompt.tokens - lag;
  if (column >= columns || t < 0) return;
  const int sequence = prompt.firstSequence + blockIdx.z;
  const T* streams = static_cast<const T*>(prompt.streams);
  T* history = static_cast<T*>(prompt.shortFilter.history);
  history[(std::size_t(sequence) * slots + (prompt.position + t) % slots) * columns + column] =
      streams[(std::size_t(blockIdx.z) * prompt.tokens + t) * columns + column];
}

}  // namespace

void stepModal(const MixerStep& step, const ModalView& m, Type type, const Launch& where) {
  type == Type::float32 ? stepModes<float, Slot>(step, m, where) : stepModes<Half, Slot>(step, m, where);
}

void promptModal(const MixerPrompt& prompt, const ModalView& m, bool scan, Type type, const Launch& where) {
  if (type == Type::float32) return promptModes<float, Slot>(prompt, m, 0, where);
  const int done = scan ? 0 : promptChunks(prompt, m, where);
  if (done < prompt.tokens) promptModes<Half, Slot>(prompt, m, done, where);
}

void keepHistory(const MixerPrompt& prompt, Type type, const Launch& where) {
  const int slots = prompt.shortFilter.taps - 1;
  if (slots == 0) return;
  const dim3 grid(blocksFor(static_cast<std::size_t>(streamColumns(prompt.stride)), 128), static_cast<unsigned>(slots),
                  static_cast<unsigned>(prompt.sequences));
  if (type == Type::float32)
    launch(historyKernel<float>, grid, 128, 0, where, prompt);
  else
    launch(historyKernel<Half>, grid, 128, 0, where, prompt);
}

}  // namespace engine::cuda
