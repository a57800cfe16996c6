// The same work for many filters on all cores.
#pragma once

#include <functional>
#include <stop_token>

namespace commandline {

// Calls work(0..count-1), each index once, on `threads` threads (0: all cores). `finished` is called after each with
// the number done so far, from any thread. The first exception stops the rest and is thrown here; a stop request throws
// analysis::Stopped.
void forEachParallel(int count, int threads, std::stop_token, const std::function<void(int)>& work,
                     const std::function<void(int)>& finished = {});

}  // namespace commandline
