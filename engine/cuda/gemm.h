// Matrix products by cuBLASLt, and the choice between it and our own kernels for few rows: rows.h where the device can,
// else once per shape in a process, by trial. Choices are kept: sessions of one process agree to the bit.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "engine/cuda/handles.h"
#include "engine/cuda/kernels.h"

namespace engine::cuda {

class Gemm {
 public:
  Gemm();
  ~Gemm();

  // p.norm must be unset, p.carried is for few rows that rows.h takes. `workspace`: device memory of the library for this
  // stream.
  // Rows that were tried run the faster way; others take the library's first proposal. Batch-invariant: always our own
  // kernels, whose sums do not depend on the number of rows.
  void multiply(const VectorProduct& p, Type, bool batchInvariant, void* workspace, std::size_t workspaceBytes,
                const Launch&);
  // Times all candidates on the operands of `p` (p.y is overwritten); at most once per shape. Waits.
  void tune(const VectorProduct& p, Type, void* workspace, std::size_t workspaceBytes, const Launch&);
  // Whether multiply() would run our own kernel for a handful of rows, which can take the norm along.
  bool own(const VectorProduct& p, Type) const;

 private:
  struct Plan;
  using Key = std::tuple<int, int, int, int, int, bool>;  // rows, inputs, outputs, type, finish, bias
  static Key keyOf(const VectorProduct&, Type);
  Plan& plan(const VectorProduct&, Type, std::size_t workspaceBytes);
  bool streams(const VectorProduct&, Type) const;
  void divideInputs(Plan&, std::size_t workspaceBytes);
  cublasStatus_t run(const Plan&, const cublasLtMatmulAlgo_t&, const VectorProduct&, void* workspace,
                     std::size_t workspaceBytes, const Launch&);

  LtHandle m_handle;
  bool m_canStream;
  std::map<Key, std::unique_ptr<Plan>> m_plans;
};

}  // namespace engine::cuda
