// What the fuzzers of the readers share. A target is one format: its seeds, and one function that takes any bytes. It
// may refuse them, with an analysis::Error; it may not crash, hang, throw anything else, or promise more values than
// the bytes can hold. Linked with standalone.cpp it is a program of its own; ./run links it with libFuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analysis/tensors/blob.h"
#include "analysis/tensors/storedtensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

// Small well-formed files of the format.
std::vector<std::string> seeds();

std::shared_ptr<const analysis::Blob> blob(std::string bytes);

// Calls `read` and does what a user would do with a file that opens: lists it and reads every tensor whose values fit
// 64 MB. Returns whether it opened; aborts on a promise that the bytes cannot keep.
bool use(const std::function<std::shared_ptr<const analysis::TensorFile>()>& read, std::size_t bytes);

// Whether the last input opened: a fuzzer that only ever sees one side tests nothing.
extern bool lastOpened;

// A file with this content, for libraries that open files themselves. Valid until the next call.
std::string pathOf(const std::uint8_t* data, std::size_t size);

}  // namespace fuzz
