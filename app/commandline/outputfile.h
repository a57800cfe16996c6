// Results in files: complete or not there at all.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <span>

namespace commandline {

// Refuses early what could not be written at the end of a long computation: a folder that is missing or closed, a
// target that is a folder. Throws analysis::Error(output).
void requireWritable(const std::filesystem::path& target);

// Calls `write` with a stream into a temporary file beside `target`, then renames it. When `write` throws, or the disk
// is full, the target keeps what it had. Throws analysis::Error(output).
void writeFile(const std::filesystem::path& target, const std::function<void(std::ostream&)>& write);
// The same for libraries that open files themselves: `write` receives the temporary name, which keeps the extension.
void writeFileBy(const std::filesystem::path& target, const std::function<void(const std::filesystem::path&)>& write);

// A one-dimensional float32 array in NumPy format 1.0.
void writeNpy(const std::filesystem::path& target, std::span<const float> values);

}  // namespace commandline
