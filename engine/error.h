// What went wrong in the engine. The only exception type that leaves `engine` besides analysis::Error (reading a
// checkpoint) and analysis::Stopped. Stopping a generation is an Outcome, not an error.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace engine {

enum class ErrorKind { input, memory, device, unsupported };

// One sentence: "SUBJECT: PROBLEM; ADVICE."
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& subject, const std::string& problem, const std::string& advice,
        std::size_t neededBytes = 0, std::size_t availableBytes = 0)
      : std::runtime_error(subject + ": " + problem + "; " + advice + "."),
        m_kind(kind),
        m_neededBytes(neededBytes),
        m_availableBytes(availableBytes) {}
  ErrorKind kind() const { return m_kind; }
  std::size_t neededBytes() const { return m_neededBytes; }
  std::size_t availableBytes() const { return m_availableBytes; }

 private:
  ErrorKind m_kind;
  std::size_t m_neededBytes, m_availableBytes;
};

}  // namespace engine
