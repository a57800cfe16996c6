// Memory of the engine: aligned for vector loads, zeroed, counted. What a meter says is what was allocated.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace engine {

// Sum of the bytes of the buffers that were given it.
using Meter = std::size_t;

// A fixed-size array of plain values on a 64-byte boundary. Move-only.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  // Adds size * sizeof(T) to the meter. Throws std::bad_alloc.
  Buffer(std::size_t size, Meter& meter) : m_size(size) {
    if (size == 0) return;
    if (size > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = size * sizeof(T);
    m_data.reset(static_cast<T*>(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)));
    if (!m_data) throw std::bad_alloc();
    std::memset(static_cast<void*>(m_data.get()), 0, bytes);
    meter += bytes;
  }

  T* data() { return m_data.get(); }
  const T* data() const { return m_data.get(); }
  std::size_t size() const { return m_size; }
  T& operator[](std::size_t i) { return m_data.get()[i]; }
  const T& operator[](std::size_t i) const { return m_data.get()[i]; }
  std::span<const T> span() const { return {m_data.get(), m_size}; }
  void clear() {
    if (m_size > 0) std::memset(static_cast<void*>(m_data.get()), 0, m_size * sizeof(T));
  }

 private:
  static constexpr std::size_t alignment = 64;
  struct Free {
    void operator()(T* data) const { std::free(data); }
  };
  std::unique_ptr<T, Free> m_data;
  std::size_t m_size = 0;
};

}  // namespace engine
