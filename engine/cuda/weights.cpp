#include "engine/cuda/weights.h"

#include <algorithm>

namespace engine::cuda {
namespace {

static_assert(streamChannels == cudaStreamChannels);
constexpr std::size_t stagingFloats = std::size_t{8} << 20;

// Copies host rows through a staging area and converts them where they belong.
class Uploader {
 public:
  Uploader(char* memory, Type type, const Launch& where)
      : m_memory(memory), m_type(type), m_where(where), m_staging(stagingFloats * sizeof(float), "uploading weights") {}

  // from: host [rows, columns]; to: [rows, stride].
  void rows(const float* from, int rows, int columns, std::size_t offset, int stride, Type type) {
    const int atOnce = std::max(1, static_cast<int>(stagingFloats / static_cast<std::size_t>(std::max(columns, 1))));
    for (int row = 0; row < rows; row += atOnce) {
      const int count = std::min(atOnce, rows - row);
      const std::size_t floats = static_cast<std::size_t>(count) * static_cast<std::size_t>(columns);
      check(cudaMemcpyAsync(m_staging.bytes(), from + static_cast<std::size_t>(row) * static_cast<std::size_t>(columns),
                            floats * sizeof(float), cudaMemcpyHostToDevice, m_where.stream),
            "copying weights");
      convertRows(m_staging.at<float>(0), count, columns,
                  m_memory + offset + static_cast<std::size_t>(row) * static_cast<std::size_t>(stride) * bytesOf(type),
                  stride, type, m_where);
      // The staging area is written again: copies from pageable memory return before the conversion has read it.
      check(cudaStreamSynchronize(m_where.stream), "copying weights");
    }
  }

  // Rows [first, first + rowCount) of a matrix that lies in panels on the host.
  void matrixRows(const Linear& from, int first, int rowCount, std::size_t offset, int stride) {
    std::vector<float> wide;
    const auto columns = static_cast<std::size_t>(from.inputs);
    const int atOnce = std::max(1, static_cast<int>(stagingFloats / std::max<std::size_t>(columns, 1)));
    for (int row = 0; row < rowCount; row += atOnce) {
      const int count = std::min(atOnce, rowCount - row);
      wide.resize(static_cast<std::size_t>(count) * columns);
      for (int i = 0; i < count; ++i) from.row(first + row + i, wide.data() + static_cast<std::size_t>(i) * columns);
      rows(wide.data(), count, from.inputs,
           offset + static_cast<std::size_t>(row) * static_cast<std::size_t>(stride) * bytesOf(m_type), stride, m_type);
    }
  }

  void vector(const Buffer<float>& from, const CudaPart& to, int parts, int stride, Type type) {
    if (from.size() == 0) return;
    rows(from.data(), parts, static_cast<int>(from.size()) / parts, to.offset, stride, type);
  }

  // Rows come in `parts` equal parts that are padded each: the streams of a projection.
  void linear(const Linear& from, const CudaWeights::Linear& to, int parts, Type biasType) {
    for (int part = 0; part < parts; ++part)
      linearPart(from, from.outputs / parts * part, from.outputs / parts, to, to.outputs / parts * part,
                 to.outputs / parts, biasType);
  }

  // The streams of a convolution, see streamColumn().
  void streams(const Linear& from, const CudaWeights::Linear& to, Type biasType) {
    const int width = from.outputs / 3;
    for (int stream = 0; stream < 3; ++stream)
      for (int first = 0; first < width; first += streamChannels) {
        const int count = std::min(streamChannels, width - first);
        linearPart(from, stream * width + first, count, to, streamColumn(stream, first), streamChannels, biasType);
      }
  }
  // [rowCount, 3 width] in the order of streams.
  void streamRows(const Buffer<float>& from, int rowCount, int width, const CudaPart& to) {
    if (from.size() == 0) return;
    const auto columns = static_cast<std::size_t>(streamColumns(width));
    std::vector<float> ordered(static_cast<std::size_t>(rowCount) * columns);
    const float* next = from.data();
    for (int row = 0; row < rowCount; ++row)
      for (int stream = 0; stream < 3; ++stream)
        for (int channel = 0; channel < width; ++channel)
          ordered[static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(streamColumn(stream, channel))] = *next++;
    rows(ordered.data(), rowCount, static_cast<int>(columns), to.offset, static_cast<int>(columns), Type::float32);
  }

  // Queries, keys and values, padded each; keys may be fewer than queries.
  void attention(const Linear& from, const CudaWeights::Linear& to, int width, int stride, int keyStride) {
    const int keys = (from.outputs - width) / 2;
    linearPart(from, 0, width, to, 0, stride, m_type);
    linearPart(from, width, keys, to, stride, keyStride, m_type);
    linearPart(from, width + keys, keys, to, stride + keyStride, keyStride, m_type);
  }

  void norm(const Norm& from, const CudaWeights::Norm& to, int stride) {
    vector(from.scale, to.scale, 1, stride, Type::float32);
    vector(from.shift, to.shift, 1, stride, Type::float32);
  }

  // What a layer makes of the norm before it; after both.
  void normProducts(const Norm& host, const CudaWeights::Norm& norm, const CudaWeights::Linear& layer) {
    if (layer.normProducts.bytes == 0) return;
    const auto at = [&](const CudaPart& part) { return reinterpret_cast<float*>(m_memory + part.offset); };
    const NormView view{at(norm.scale), host.shift.size() > 0 ? at(norm.shift) : nullptr, host.eps,
                        static_cast<int>(host.scale.size()), host.epsOutside};
    multiplyNorm(view, m_memory + layer.weight.offset, layer.outputs, layer.inputs, at(layer.normProducts), m_where);
  }

 private:
  // Rows [first, first + rowCount) become rows [firstTo, firstTo + rowsTo), zeros behind them.
  void linearPart(const Linear& from, int first, int rowCount, const CudaWeights::Linear& to, int firstTo, int rowsTo,
                  Type biasType) {
    const auto inputs = static_cast<std::size_t>(from.inputs), row = static_cast<std::size_t>(first);
    const std::size_t rowTo = static_cast<std::size_t>(firstTo);
    const std::size_t offset = to.weight.offset + rowTo * static_cast<std::size_t>(to.inputs) * bytesOf(m_type);
    if (from.random)
      randomRows(from.random->state + row * inputs * 0x9E3779B97F4A7C15ULL, from.random->scale, 0, rowCount,
                 from.inputs, m_memory + offset, to.inputs, m_type, m_where);
    else
      matrixRows(from, first, rowCount, offset, to.inputs);
    if (from.bias.size() > 0)
      rows(from.bias.data() + row, 1, rowCount, to.bias.offset + rowTo * bytesOf(biasType), rowsTo, biasType);
  }

  char* m_memory;
  Type m_type;
  Launch m_where;
  DeviceBuffer m_staging;
};

}  // namespace

DeviceWeights::DeviceWeights(const CudaProgram& program, const Launch& where)
    : m_plan(program.weightPlan), m_memory(m_plan.bytes, "the model's weights") {
  const Model::Weights& weights = *program.weights;
  const Type type = program.workload.precision == Precision::float32 ? Type::float32 : Type::bfloat16;
  const int stride = program.sessionPlan.stride;
  check(cudaMemsetAsync(m_memory.bytes(), 0, m_plan.bytes, where.stream), "clearing memory");
  Uploader upload(m_memory.bytes(), type, where);
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    const Block& block = weights.blocks[i];
    const CudaWeights::Block& to = m_plan.blocks[i];
    for (const Attention& attention : block.attention) {
      upload.norm(attention.norm, to.mixers[0].norm, stride);
      upload.attention(attention.qkv, to.mixers[0].in, weights.width, stride, to.keyStride);
      upload.linear(attention.out, to.mixers[0].out, 1, Type::float32);
      upload.normProducts(attention.norm, to.mixers[0].norm, to.mixers[0].in);
    }
    for (std::size_t k = 0; k < block.operators.size(); ++k) {
      const ConvolutionOperator& op = block.operators[k];
      const CudaWeights::Mixer& mixer = to.mixers[k];
      upload.norm(op.norm, mixer.norm, stride);
      upload.norm(op.innerNorm, mixer.innerNorm, stride);
      upload.linear(op.out, mixer.out, 1, Type::float32);
      if (op.banks.size() > 1) {
        const int streams = mixer.in.outputs / stride;
        upload.linear(op.in, mixer.in, streams, type);
        upload.normProducts(op.norm, mixer.norm, mixer.in);
        upload.vector(op.shortFilter.weight, mixer.shortWeight, op.shortFilter.taps * streams, stride, Type::float32);
        upload.vector(op.shortFilter.bias, mixer.shortBias, streams, stride, Type::float32);
        continue;
      }
      upload.streams(op.in, mixer.in, type);
      upload.normProducts(op.norm, mixer.norm, mixer.in);
      upload.streamRows(op.shortFilter.weight, op.shortFilter.taps, weights.width, mixer.shortWeight);
      upload.streamRows(op.shortFilter.bias, 1, weights.width, mixer.shortBias);
    }
    upload.norm(block.mlp.norm, to.mlpNorm, stride);
    upload.linear(block.mlp.in, to.mlpIn, block.mlp.gated ? 2 : 1, type);
    upload.normProducts(block.mlp.norm, to.mlpNorm, to.mlpIn);
    upload.linear(block.mlp.out, to.mlpOut, 1, Type::float32);
  }
  upload.linear(weights.embedding, m_plan.embedding, 1, type);
  if (weights.head.outputs > 0) upload.linear(weights.head, m_plan.head, 1, Type::float32);
  if (weights.positionCount > 0)
    upload.rows(weights.positions.data(), weights.positionCount, weights.width, m_plan.positions.offset, stride,
                Type::float32);
  upload.norm(weights.finalNorm, m_plan.finalNorm, stride);
  upload.normProducts(weights.finalNorm, m_plan.finalNorm, m_plan.head.outputs > 0 ? m_plan.head : m_plan.embedding);
  check(cudaStreamSynchronize(where.stream), "copying weights");
}

namespace {

class TableUploader {
 public:
  TableUploader(const CudaProgram& program, const DeviceBuffer& session, const Launch& where)
      : m_program(program), m_session(session), m_where(where) {}

  // Of all convolutions of a block, one behind the other. Returns the most slots of a group.
  int modal(const Block& block, const CudaSession::Block& to) const {
    int mostSlots = 0;
    std::size_t places = 0, coefficients = 0, states = 0, taps = 0;
    std::vector<GroupView> groups;
    for (const std::size_t bank : banksOf(block)) {
      const ModalTable& table = *m_program.modal[bank];
      for (const ModalGroup& group : table.groups) {
        groups.push_back({group.pairs, group.reals, static_cast<std::uint32_t>(coefficients + group.coefficients),
                          static_cast<std::uint32_t>(states + group.state)});
        mostSlots = std::max(mostSlots, group.pairs + group.reals);
      }
      const std::vector<std::int32_t> order = modelledOrder(table);
      copy(order, to.order, places);
      wait();  // `order` ends here
      copy(table.direct, to.direct, places);
      copy(m_program.sections.empty() ? table.coefficients : *m_program.sections[bank], to.coefficients, coefficients);
      if (!m_program.blocks.empty()) {
        copy(m_program.blocks[bank]->powers, to.powers, coefficients / 3 * 2);
        copy(m_program.blocks[bank]->taps, to.blockTaps, taps);
        taps += m_program.blocks[bank]->taps.size();
      }
      const bool heads = block.kind == BlockShape::Kind::multiHyena;  // whose states have no padding
      for (std::size_t place = 0; place < table.order.size(); ++place) {
        const ModalGroup& group = table.groups[place / ModalTable::groupSize];
        if (!heads || table.order[place] >= 0) states += static_cast<std::size_t>(2 * group.pairs + group.reals);
      }
      places += table.order.size();
      coefficients += table.coefficients.size();
    }
    copy(groups, to.groups, 0);
    wait();  // `groups` ends here
    return mostSlots;
  }

  // Channels that stay convolutions beside a recurrence, of all convolutions of a block, one behind the other.
  void kept(const Block& block, const CudaSession::Block& to) const {
    const std::vector<std::size_t> banks = banksOf(block);
    for (std::size_t i = 0; i < banks.size(); ++i) {
      const ModalTable& table = *m_program.modal[banks[i]];
      std::vector<std::int32_t> channels(table.kept.begin(), table.kept.end());
      channels.resize(static_cast<std::size_t>(to.keptStride), -1);
      copy(channels, to.keptChannels, i * channels.size());
      wait();  // `channels` ends here
      const std::size_t bytes = to.taps.bytes / banks.size();
      if (!table.kept.empty()) taps(table.keptFilters, {to.taps.offset + i * bytes, bytes}, to.keptStride);
    }
  }

  // Of all convolutions of a block without heads, one behind the other.
  void taps(const Block& block, const CudaPart& to, int stride) const {
    const std::vector<std::size_t> banks = banksOf(block);
    for (std::size_t i = 0; i < banks.size(); ++i) {
      const std::size_t bytes = to.bytes / banks.size();
      taps(*m_program.filters[banks[i]], {to.offset + i * bytes, bytes}, stride);
    }
  }
  void taps(const FilterBank& filters, const CudaPart& to, int stride) const {
    const std::size_t bytes = filters.reversed.size() * sizeof(float);
    const DeviceBuffer staging(bytes + filters.skip.size() * sizeof(float), "uploading filters");
    check(cudaMemcpyAsync(staging.bytes(), filters.reversed.data(), bytes, cudaMemcpyHostToDevice, m_where.stream),
          "copying filters");
    check(cudaMemcpyAsync(staging.bytes() + bytes, filters.skip.data(), filters.skip.size() * sizeof(float),
                          cudaMemcpyHostToDevice, m_where.stream),
          "copying filters");
    transposeTaps(staging.at<float>(0), staging.at<float>(bytes), filters.channels, filters.length,
                  m_program.sessionPlan.lags, m_session.at<float>(to.offset), stride, m_where);
    wait();
  }

  // [heads, lags] of each operator; lag 0 gets the skip added.
  void headTaps(const Block& block, const CudaPart& to) const {
    std::vector<float> taps;
    const auto lags = static_cast<std::size_t>(m_program.sessionPlan.lags);
    for (const ConvolutionOperator& op : block.operators) {
      const FilterBank& filters = *m_program.filters[static_cast<std::size_t>(op.banks[0])];
      const auto length = static_cast<std::size_t>(filters.length);
      for (std::size_t head = 0; head < static_cast<std::size_t>(filters.channels); ++head) {
        const float* newest = filters.reversed.data() + (head + 1) * length - 1;
        for (std::size_t lag = 0; lag < lags; ++lag) taps.push_back(lag < length ? *(newest - lag) : 0.0F);
        taps[taps.size() - lags] += filters.skip[head];
      }
    }
    copy(taps, to, 0);
    wait();  // `taps` ends here
  }

 private:
  static std::vector<std::size_t> banksOf(const Block& block) {
    std::vector<std::size_t> banks;
    for (const ConvolutionOperator& op : block.operators) banks.insert(banks.end(), op.banks.begin(), op.banks.end());
    return banks;
  }
  // The channel at each place that has a model, else -1.
  static std::vector<std::int32_t> modelledOrder(const ModalTable& table) {
    std::vector<std::int32_t> order(table.order.data(), table.order.data() + table.order.size());
    for (std::int32_t& channel : order)
      if (std::binary_search(table.kept.begin(), table.kept.end(), channel)) channel = -1;
    return order;
  }
  template <class Values>
  void copy(const Values& values, const CudaPart& to, std::size_t first) const {
    constexpr std::size_t each = sizeof(*values.data());
    check(cudaMemcpyAsync(m_session.bytes() + to.offset + first * each, values.data(), values.size() * each,
                          cudaMemcpyHostToDevice, m_where.stream),
          "copying tables");
  }
  void wait() const { check(cudaStreamSynchronize(m_where.stream), "copying tables"); }

  const CudaProgram& m_program;
  const DeviceBuffer& m_session;
  Launch m_where;
};

}  // namespace

std::vector<int> uploadTables(const CudaProgram& program, const DeviceBuffer& session, const Launch& where) {
  const TableUploader upload(program, session, where);
  std::vector<int> mostSlots(program.sessionPlan.blocks.size(), 0);
  for (std::size_t i = 0; i < program.weights->blocks.size(); ++i) {
    const Block& block = program.weights->blocks[i];
    const CudaSession::Block& to = program.sessionPlan.blocks[i];
    if (block.kind == BlockShape::Kind::attention) continue;
    if (!program.modal.empty()) {
      mostSlots[i] = upload.modal(block, to);
      if (to.keptStride > 0) upload.kept(block, to);
    } else if (block.kind == BlockShape::Kind::multiHyena) {
      upload.headTaps(block, to.taps);
    } else {
      upload.taps(block, to.taps, program.sessionPlan.stride);
    }
  }
  return mostSlots;
}

}  // namespace engine::cuda
