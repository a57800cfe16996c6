// The recurrence of MultiHyena's heads, for modes or for sections: one token of many sequences, or a prompt.
#pragma once

#include "engine/cuda/heads.cuh"

namespace engine::cuda {

constexpr int headTogether = 4;  // modes whose states are on their way at once

template <class T, class Mode, int Sequences>
__global__ __launch_bounds__(headThreads) void headStepKernel(MixerStep step, HeadsView h) {
  extern __shared__ float rows[];  // [Sequences][q, k, v, y][head width]
  __shared__ float products[Sequences * headThreads];
  letSuccessorStart();
  const Head head(h, blockIdx.x);
  const ModalView& m = h.modes;
  const int size = h.headWidth, slots = head.slots(), firstSequence = blockIdx.y * Sequences;
  const float direct = m.direct[head.place];
  const EntryShare share = entryShare(size);
  const int part = threadIdx.x / share.chunk, local = threadIdx.x % share.chunk;
  float2 x[headTogether][Sequences];
  const auto fetch = [&](int entry, int slot0) {
#pragma unroll
    for (int k = 0; k < headTogether; ++k) {
      const int slot = slot0 + k * share.parts;
#pragma unroll
      for (int s = 0; s < Sequences; ++s)
        x[k][s] = part < share.parts && entry < size * size && slot < slots && firstSequence + s < step.batch
                      ? loadState(head.state(m, firstSequence + s, slot, entry), slot < head.group.pairs)
                      : make_float2(0, 0);
    }
  };
  // Nothing before this kernel in the same token writes the states: they are on their way while the inputs are made.
  fetch(local, part);
  waitForPredecessor();
  const int position = step.control->position;
  for (int i = threadIdx.x; i < Sequences * size; i += headThreads) {
    const int s = i / size, c = i % size;
    float y[3] = {};
    if (firstSequence + s < step.batch)
      headInputs<T>(step, firstSequence + s, position, head.head * size + c, y);
    float* to = rows + s * 4 * size + c;
    to[0] = y[0], to[size] = y[1], to[2 * size] = y[2], to[3 * size] = 0;
  }
  __syncthreads();

  for (int base = 0; base < size * size; base += share.chunk) {
    const int entry = base + local;
    const bool valid = part < share.parts && entry < size * size;
    const int i = valid ? entry / size : 0, j = valid ? entry % size : 0;
    float sums[Sequences], inputs[Sequences];
#pragma unroll
    for (int s = 0; s < Sequences; ++s) {
      // Not to be fused: the same bits for any number of sequences.
      inputs[s] = __fmul_rn(rows[(s * 4 + 1) * size + i], rows[(s * 4 + 2) * size + j]);
      sums[s] = part == 0 ? __fmul_rn(direct, inputs[s]) : 0;
    }
    for (int slot0 = part; valid && slot0 < slots; slot0 += headTogether * share.parts) {
      if (base > 0 || slot0 != part) fetch(entry, slot0);
#pragma unroll
      for (int k = 0; k < headTogether; ++k) {
        const int slot = slot0 + k * share.parts;
        if (slot >= slots) break;
        const Mode mode = loadMode<Mode>(m, head.group, slot, head.lane);
#pragma unroll
        for (int s = 0; s < Sequences; ++s) {
          sums[s] += mode.read(x[k][s].x, x[k][s].y);
          mode.step(x[k][s].x, x[k][s].y, inputs[s]);
          if (firstSequence + s < step.batch)
            storeState(head.state(m, firstSequence + s, slot, entry), slot < head.group.pairs, x[k][s].x, x[k][s].y);
        }
      }
    }
#pragma unroll
    for (int s = 0; s < Sequences; ++s) products[s * headThreads + threadIdx.x] = rows[s * 4 * size + i] * sums[s];
    __syncthreads();
    addProducts(products, share, base, size, Sequences, rows);
    __syncthreads();
  }
  for (int i = threadIdx.x; i < Sequences * size; i += headThreads) {
    const int s = i / size, c = i % size;
    if (firstSequence + s < step.batch)
      static_cast<T*>(step.out)[std::size_t(firstSequence + s) * step.stride + head.head * size + c] =
          fromFloat<T>(rows[(s * 4 + 3) * size + c]);
  }
}

// Token after token, `chunk` of them between two meetings of the block. Slots: modes that a thread has at once; where
// all fit, their states stay in registers to the end.
template <class T, class Mode, int Slots>
__global__ __launch_bounds__(headThreads) void headPromptKernel(MixerPrompt prompt, HeadsView h, int chunk) {
  extern __shared__ float memory[];  // products [chunk][headThreads], then rows [chunk][q, k, v, y][head width]
  float* products = memory;
  float* rows = memory + chunk * headThreads;
  letSuccessorStart();
  const Head head(h, blockIdx.x);
  const ModalView& m = h.modes;
  const int size = h.headWidth, slots = head.slots();
  const int sequence = prompt.firstSequence + blockIdx.y;
  const float direct = m.direct[head.place];
  const EntryShare share = entryShare(size);
  const int part = threadIdx.x / share.chunk;
  const bool once = size * size <= share.chunk && slots <= Slots * share.parts;
  waitForPredecessor();
  const std::size_t row0 = std::size_t(blockIdx.y) * prompt.tokens;
  Mode modes[Slots];
  float2 x[Slots];
  for (int first = 0; first < prompt.tokens; first += chunk) {
    const int count = min(chunk, prompt.tokens - first);
    for (int i = threadIdx.x; i < count * size; i += headThreads) {
      const int t = i / size, c = i % size;
      const auto filtered = [&](int stream) {
        return shortPrompt<T>(prompt, sequence, first + t, stream, head.head * size + c, row0);
      };
      float* to = rows + t * 4 * size + c;
      to[0] = filtered(0), to[size] = rounded<T>(filtered(1)), to[2 * size] = rounded<T>(filtered(2));
      to[3 * size] = 0;
    }
    __syncthreads();
    for (int base = 0; base < size * size; base += share.chunk) {
      const int entry = base + static_cast<int>(threadIdx.x) % share.chunk;
      const bool valid = part < share.parts && entry < size * size;
      const int i = valid ? entry / size : 0, j = valid ? entry % size : 0;
      int pass = 0;  // of the modes; without any there is still the direct term
      do {
        if (!once || first == 0) {
#pragma unroll
          for (int k = 0; k < Slots; ++k) {
            const int slot = pass + part + k * share.parts;
            modes[k] = {};
            x[k] = make_float2(0, 0);
            if (!valid || slot >= slots) continue;
            modes[k] = loadMode<Mode>(m, head.group, slot, head.lane);
            x[k] = loadState(head.state(m, sequence, slot, entry), slot < head.group.pairs);
          }
        }
        const float own = part == 0 && pass == 0 ? direct : 0;
        for (int t = 0; t < count; ++t) {
          const float* row = rows + t * 4 * size;
          const float u = row[size + i] * row[2 * size + j];
          float sum = own * u;
#pragma unroll
          for (int k = 0; k < Slots; ++k) {
            sum += modes[k].read(x[k].x, x[k].y);
            modes[k].step(x[k].x, x[k].y, u);
          }
          products[t * headThreads + threadIdx.x] = row[i] * sum;
        }
        if (!once || first + count == prompt.tokens) {
#pragma unroll
          for (int k = 0; k < Slots; ++k) {
            const int slot = pass + part + k * share.parts;
            if (valid && slot < slots)
              storeState(head.state(m, sequence, slot, entry), slot < head.group.pairs, x[k].x, x[k].y);
          }
        }
        __syncthreads();
        addProducts(products, share, base, size, count, rows);
        __syncthreads();
        pass += Slots * share.parts;
      } while (pass < slots);
    }
    for (int i = threadIdx.x; i < count * size; i += headThreads) {
      const int t = i / size, c = i % size;
      static_cast<T*>(prompt.out)[(row0 + first + t) * prompt.stride + head.head * size + c] =
          fromFloat<T>(rows[(t * 4 + 3) * size + c]);
    }
    __syncthreads();
  }
}

template <class T, class Mode>
void stepHeadModes(const MixerStep& step, const HeadsView& h, const Launch& where) {
  const auto go = [&](auto kernel, int sequences) {
    launch(kernel, dim3(static_cast<unsigned>(h.heads), blocksFor(step.batch, sequences)), headThreads,
           std::size_t(4) * sequences * h.headWidth * sizeof(float), where, step, h);
  };
  if (step.batch < 4 || h.headWidth > manyRows)
    go(headStepKernel<T, Mode, 1>, 1);
  else
    go(headStepKernel<T, Mode, 4>, 4);
}

template <class T, class Mode>
void promptHeadModes(const MixerPrompt& prompt, const HeadsView& h, const Launch& where) {
  constexpr int mostTokens = 16;
  const int wanted = 2048 / h.headWidth, chunk = wanted < 1 ? 1 : wanted < mostTokens ? wanted : mostTokens;
  const auto go = [&](auto kernel) {
    launch(kernel, dim3(static_cast<unsigned>(h.heads), static_cast<unsigned>(prompt.sequences)), headThreads,
           std::size_t(chunk) * (headThreads + 4 * h.headWidth) * sizeof(float), where, prompt, h, chunk);
  };
  const int parts = entryShare(h.headWidth).parts, perThread = (h.modes.mostSlots + parts - 1) / parts;
  if (perThread <= 2)
    go(headPromptKernel<T, Mode, 2>);
  else if (perThread <= 4)
    go(headPromptKernel<T, Mode, 4>);
  else
    go(headPromptKernel<T, Mode, 8>);
}

}  // namespace engine::cuda
