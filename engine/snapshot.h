// Where a session stands, so that it can be continued later, several times, or in another mode.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/buffer.h"
#include "engine/workload.h"

namespace engine {

class Model;

// A value: the tokens seen, and the memory of the mode that saw them. See Session::snapshot.
struct Snapshot {
  std::shared_ptr<const Model> model;
  Workload workload;
  int position = 0;
  std::vector<std::vector<Token>> tokens;     // seen by each sequence, prompt included
  std::vector<std::vector<Token>> generated;  // those of them that were sampled
  std::string device;                         // that saved `state`
  std::vector<std::byte> state;               // of the mode; empty where a device cannot save it
};

// Copies what a mode remembers out of its buffers, or back into them, in one fixed order. Internal to engine.
class StateArchive {
 public:
  StateArchive() = default;
  explicit StateArchive(std::span<const std::byte> from) : m_from(from), m_restoring(true) {}

  void value(Buffer<float>& buffer) { bytes(buffer.data(), buffer.size() * sizeof(float)); }
  void value(int& number) { bytes(&number, sizeof number); }
  // Memory of another device: move(host) copies `count` bytes to the host, or, restoring, from there.
  template <class Move>
  void elsewhere(std::size_t count, Move&& move) {
    if (!m_restoring) {
      m_to.resize(m_to.size() + count);
      move(m_to.data() + (m_to.size() - count));
    } else if (count <= m_from.size()) {
      move(const_cast<std::byte*>(m_from.data()));  // read alone
      m_from = m_from.subspan(count);
    } else {
      m_failed = true;
    }
  }
  bool restoring() const { return m_restoring; }
  // Restoring: everything was read and nothing is left.
  bool complete() const { return !m_failed && m_from.empty(); }
  std::vector<std::byte> take() { return std::move(m_to); }

 private:
  void bytes(void* data, std::size_t count) {
    if (count == 0) return;
    if (!m_restoring) {
      const auto* first = static_cast<const std::byte*>(data);
      m_to.insert(m_to.end(), first, first + count);
    } else if (count <= m_from.size()) {
      std::memcpy(data, m_from.data(), count);
      m_from = m_from.subspan(count);
    } else {
      m_failed = true;
    }
  }

  std::span<const std::byte> m_from;
  std::vector<std::byte> m_to;
  bool m_restoring = false, m_failed = false;
};

}  // namespace engine
