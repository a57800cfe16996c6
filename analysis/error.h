// What went wrong, in words a user can act on. The only exception type that leaves `analysis`
// (besides Stopped of task.h, which is a cancellation and no failure, and what only a defect of this program can cause).
#pragma once

#include <stdexcept>
#include <string>

namespace analysis {

enum class ErrorKind {
  input,      // a file or a value that cannot be used      (exit code 3)
  numerical,  // a computation without a defined result     (exit code 4)
  output      // a result that could not be written         (exit code 6)
};

// One sentence: "SUBJECT: PROBLEM; ADVICE." Subject names the file, tensor or filter.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& subject, const std::string& problem, const std::string& advice)
      : std::runtime_error(subject + ": " + problem + "; " + advice + "."), m_kind(kind) {}
  ErrorKind kind() const { return m_kind; }

 private:
  ErrorKind m_kind;
};

}  // namespace analysis
