// The HDF5 library keeps state for the whole process.
#pragma once

#include <mutex>

namespace analysis {

// Held by whoever calls the library or copies the process to call it there.
std::mutex& hdf5Lock();

}  // namespace analysis
