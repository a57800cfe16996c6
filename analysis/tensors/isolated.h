// Work on bytes that the library in use trusts too far: done in a copy of this process, which may crash, hang or run out
// of memory without harm to this one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace analysis {

// Where the work writes what it finds. Ends the copy when nobody reads any more.
using Outlet = std::function<void(std::span<const std::byte>)>;

struct Isolation {
  std::string subject;            // of errors
  std::uint64_t memoryBytes = 0;  // that the copy may take beyond what this process has
  // Without anything written, a copy that computes for so long, or waits for a minute, counts as hanging.
  std::chrono::milliseconds longestWork{10'000};
  std::string library;  // part of the file name of the distrusted library: what a sanitizer finds there is a crash
};

// Forks; the copy runs `work`, which returns whether it succeeded; an Error or a want of memory out of it is a failure.
// `take` gets what was written, in order, in pieces. False: the work failed. Throws Error(input) when the copy crashed,
// hung or could not be made, and std::logic_error when it ended as only a defect of this program makes it end: by any
// other exception, or by a sanitizer's report of a place outside the library. Costs milliseconds: a page table is
// copied, memory is not.
// The caller makes sure that no other thread holds a lock that `work` needs, such as one inside a library; memory can be
// allocated.
bool isolated(const Isolation&, const std::function<bool(const Outlet&)>& work,
              const std::function<void(std::span<const std::byte>)>& take);

}  // namespace analysis
