// Parts that the kernels of Hyena mixers share: the short filter, and one slot of a modal group.
#pragma once

#include "engine/cuda/device.cuh"

namespace engine::cuda {

// Outputs of the short filter for the three streams of one channel, from the newest inputs and the history.
template <class T>
__device__ inline void shortStep(const ShortView& f, int sequence, int position, int column, int stride,
                                 const T (&newest)[3], float (&y)[3]) {
  const int columns = streamColumns(stride), slots = f.taps - 1, first = streamColumn(0, column);
  const T* history = static_cast<const T*>(f.history) + std::size_t(sequence) * slots * columns + first;
  const float *weight = f.weight + first, *bias = f.bias + first;
#pragma unroll
  for (int s = 0; s < 3; ++s)
    y[s] = bias[s * streamChannels] + weight[s * streamChannels] * toFloat(newest[s]);
  for (int lag = 1; lag <= slots; ++lag) {
    const int at = position - lag;
    if (at < 0) break;
    const T* past = history + std::size_t(at % slots) * columns;
#pragma unroll
    for (int s = 0; s < 3; ++s)
      y[s] += weight[std::size_t(lag) * columns + s * streamChannels] * toFloat(past[s * streamChannels]);
  }
}

// The newest inputs into the history, in place of the oldest.
template <class T>
__device__ inline void keepInputs(const ShortView& f, int sequence, int position, int column, int stride,
                                  const T (&newest)[3]) {
  const int slots = f.taps - 1;
  if (slots == 0) return;
  T* slot = static_cast<T*>(f.history) + (std::size_t(sequence) * slots + position % slots) * streamColumns(stride) +
            streamColumn(0, column);
#pragma unroll
  for (int s = 0; s < 3; ++s) slot[s * streamChannels] = newest[s];
}

// The three streams of one channel of one sequence, filtered; their newest inputs are kept.
template <class T>
__device__ inline void filterStep(const MixerStep& step, int sequence, int position, int column, float (&y)[3]) {
  const T* streams = static_cast<const T*>(step.streams) + std::size_t(sequence) * streamColumns(step.stride) +
                     streamColumn(0, column);
  const T newest[3] = {streams[0], streams[streamChannels], streams[2 * streamChannels]};
  shortStep(step.shortFilter, sequence, position, column, step.stride, newest, y);
  keepInputs(step.shortFilter, sequence, position, column, step.stride, newest);
}

// Gate x0 and mixer input x1 v, rounded as caches keep it, of one channel of one sequence.
template <class T>
__device__ inline void gateStep(const MixerStep& step, int sequence, int position, int column, float& gate,
                                float& input) {
  float y[3];
  filterStep<T>(step, sequence, position, column, y);
  gate = y[0];
  input = rounded<T>(y[1] * y[2]);
}

// gateStep() for many sequences of one channel, whose inputs can be asked for long before they are needed; filters of
// up to lags + 1 taps. The arithmetic is that of shortStep().
template <class T>
class Gates {
 public:
  static constexpr int lags = 2;
  __host__ __device__ static bool fit(const ShortView& f) { return f.taps <= lags + 1; }
  struct Inputs {
    T newest[3], past[lags][3];
  };
  __device__ Gates(const MixerStep& step, int position, int channel) : m_columns(streamColumns(step.stride)) {
    const ShortView& f = step.shortFilter;
    const int slots = f.taps - 1, columns = m_columns, column = streamColumn(0, channel);
    m_streams = static_cast<const T*>(step.streams) + column;
    m_history = static_cast<T*>(f.history) + column;
    m_rows = slots * columns;
    m_newest = slots > 0 ? position % slots * columns : 0;
#pragma unroll
    for (int lag = 0; lag <= lags; ++lag) {
      const bool there = lag <= slots && position >= lag;
      if (lag > 0) m_place[lag - 1] = there ? (position - lag) % slots * columns : -1;
#pragma unroll
      for (int s = 0; s < 3; ++s)
        m_weight[lag][s] = there ? f.weight[std::size_t(lag) * columns + s * streamChannels + column] : 0.0F;
    }
#pragma unroll
    for (int s = 0; s < 3; ++s) m_bias[s] = f.bias[s * streamChannels + column];
  }
  // `in` is known from then on: the newest from this step, the past from the ones before.
  __device__ void loadNewest(int sequence, Inputs& in) const {
    const T* streams = m_streams + std::size_t(sequence) * m_columns;
#pragma unroll
    for (int s = 0; s < 3; ++s) in.newest[s] = streams[s * streamChannels];
  }
  __device__ void loadPast(int sequence, Inputs& in) const {
    const T* history = m_history + std::size_t(sequence) * m_rows;
#pragma unroll
    for (int lag = 0; lag < lags; ++lag)
#pragma unroll
      for (int s = 0; s < 3; ++s)
        in.past[lag][s] = m_place[lag] >= 0 ? history[m_place[lag] + s * streamChannels] : fromFloat<T>(0);
  }
  __device__ Inputs load(int sequence) const {
    Inputs in;
    loadNewest(sequence, in);
    loadPast(sequence, in);
    return in;
  }
  // The newest inputs go into the history.
  __device__ void apply(const Inputs& in, int sequence, float& gate, float& input) const {
    float y[3];
#pragma unroll
    for (int s = 0; s < 3; ++s) {
      y[s] = m_bias[s] + m_weight[0][s] * toFloat(in.newest[s]);
#pragma unroll
      for (int lag = 0; lag < lags; ++lag) y[s] += m_weight[lag + 1][s] * toFloat(in.past[lag][s]);
    }
    gate = y[0];
    input = rounded<T>(y[1] * y[2]);
    if (m_rows == 0) return;
    T* history = m_history + std::size_t(sequence) * m_rows + m_newest;
#pragma unroll
    for (int s = 0; s < 3; ++s) history[s * streamChannels] = in.newest[s];
  }

 private:
  const T* m_streams;
  T* m_history;
  int m_columns, m_rows, m_newest, m_place[lags];
  float m_bias[3], m_weight[lags + 1][3];
};

// The short filter of a stream for token t of a piece of a prompt, whose rows start at `row0`.
template <class T>
__device__ inline float shortPrompt(const MixerPrompt& prompt, int sequence, int t, int stream, int channel,
                                    std::size_t row0) {
  const ShortView& f = prompt.shortFilter;
  const T* streams = static_cast<const T*>(prompt.streams);
  const int position = prompt.position, column = streamColumn(stream, channel), columns = streamColumns(prompt.stride);
  float y = f.bias[column] + f.weight[column] * toFloat(streams[(row0 + t) * columns + column]);
  const int slots = f.taps - 1;
  const T* history = static_cast<const T*>(f.history) + std::size_t(sequence) * slots * columns + column;
  for (int lag = 1; lag <= slots; ++lag) {
    float past = 0;
    if (lag <= t)
      past = toFloat(streams[(row0 + t - lag) * columns + column]);
    else if (position + t - lag >= 0)
      past = toFloat(history[std::size_t((position + t - lag) % slots) * columns]);
    y += f.weight[std::size_t(lag) * columns + column] * past;
  }
  return y;
}

// The same for `Count` tokens from t on, of which those before `end` count.
template <class T, int Count>
__device__ inline void shortPrompts(const MixerPrompt& prompt, int sequence, int t, int end, int stream, int channel,
                                    std::size_t row0, float (&y)[Count]) {
  constexpr int past = 2;  // tokens before the first that are asked for together
  const ShortView& f = prompt.shortFilter;
  const int column = streamColumn(stream, channel), columns = streamColumns(prompt.stride), slots = f.taps - 1;
  if (slots > past) {
#pragma unroll
    for (int i = 0; i < Count; ++i)
      y[i] = t + i < end ? shortPrompt<T>(prompt, sequence, t + i, stream, channel, row0) : 0;
    return;
  }
  const T* streams = static_cast<const T*>(prompt.streams) + row0 * columns + column;
  const T* history = static_cast<const T*>(f.history) + std::size_t(sequence) * slots * columns + column;
  T raw[past + Count];
  if (t >= past && t + Count <= end) {  // no question before a load: all of them are on their way at once
    const T* from = streams + std::size_t(t - past) * columns;
#pragma unroll
    for (int i = 0; i < past + Count; ++i, from += columns) raw[i] = *from;
  } else {
#pragma unroll
    for (int i = 0; i < past + Count; ++i) {
      const int at = t - past + i, whole = prompt.position + at;
      const bool here = at >= 0 && at < end, before = at < 0 && whole >= 0 && -at <= slots;
      raw[i] = here     ? streams[std::size_t(at) * columns]
               : before ? history[std::size_t(whole % slots) * columns]
                        : fromFloat<T>(0);
    }
  }
  float weight[past + 1];
#pragma unroll
  for (int lag = 0; lag <= past; ++lag) weight[lag] = lag <= slots ? f.weight[std::size_t(lag) * columns + column] : 0;
  const float bias = f.bias[column];
#pragma unroll
  for (int i = 0; i < Count; ++i) {
    y[i] = bias + weight[0] * toFloat(raw[past + i]);
#pragma unroll
    for (int lag = 1; lag <= past; ++lag) y[i] += weight[lag] * toFloat(raw[past + i - lag]);
  }
}

constexpr int groupSize = 16;
constexpr int slotLanes = 8;  // 4 warps x 2 halves: slot s belongs to lane s mod 8

// One conjugate pair or one real pole of one channel. A real pole has no imaginary part anywhere.
struct Slot {
  float re, im, restRe, restIm, residueRe, residueIm;
  __device__ void step(float& a, float& b, float u) const {
    const float next = fmaf(re, a, fmaf(-im, b, fmaf(restRe, a, fmaf(-restIm, b, u))));
    b = fmaf(re, b, fmaf(im, a, fmaf(restRe, b, restIm * a)));
    a = next;
  }
  __device__ float read(float a, float b) const { return fmaf(residueRe, a, -residueIm * b); }
};

__device__ inline Slot loadSlot(const ModalView& m, const GroupView& g, int slot, int channel) {
  const float* from = m.coefficients + g.coefficients + channel;
  if (slot < g.pairs) {
    from += std::size_t(slot) * 6 * groupSize;
    return {from[0],
            from[groupSize],
            from[2 * groupSize],
            from[3 * groupSize],
            from[4 * groupSize],
            from[5 * groupSize]};
  }
  from += std::size_t(g.pairs) * 6 * groupSize + std::size_t(slot - g.pairs) * 3 * groupSize;
  return {from[0], 0, from[groupSize], 0, from[2 * groupSize], 0};
}

// From a sequence's state of a group to the next one's. Side by side, since groups end their blocks at different tokens.
__device__ inline int stateStride(const GroupView& g) {
  return (2 * g.pairs + g.reals) * groupSize;
}

// Where a slot's state lies: a float2 for a pair, a float for a real pole.
__device__ inline float* stateOf(const ModalView& m, const GroupView& g, int sequence, int slot, int channel) {
  float* group = m.state + std::size_t(g.state) * m.batch + std::size_t(sequence) * stateStride(g);
  return slot < g.pairs ? group + (slot * groupSize + channel) * 2
                        : group + g.pairs * 2 * groupSize + (slot - g.pairs) * groupSize + channel;
}

__device__ inline float2 loadState(const float* at, bool pair) {
  return pair ? *reinterpret_cast<const float2*>(at) : make_float2(*at, 0);
}

__device__ inline void storeState(float* at, bool pair, float a, float b) {
  if (pair)
    *reinterpret_cast<float2*>(at) = make_float2(a, b);
  else
    *at = a;
}

}  // namespace engine::cuda
