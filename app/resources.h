// Where the files that come with the program lie: sample checkpoint, sample text, help pages.
#pragma once

#include <filesystem>
#include <string_view>

namespace app {

// Absolute path of a file or folder of resources/, for example "sample/novels-hyena-1m.ckpt". Looks beside the running
// binary first (../share/polecat), so that an installed or moved program uses its own, then in the source tree it was
// built from. Throws analysis::Error(input) when it is in neither.
std::filesystem::path resource(std::string_view relativePath);

}  // namespace app
