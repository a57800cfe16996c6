// A generation as a file: what was asked, on what it ran, every token and its time.
#pragma once

#include <QString>
#include <string>

#include "app/generation.h"

namespace app {

// One JSON document: settings, device and order, then a lane after the other with text, tokens, seconds per token,
// percentiles and memory.
std::string runJson(const GenerationRun&);
// One line per position: time and bytes per sequence of each lane.
QString runCsv(const GenerationRun&);
// By the suffix: .json or .csv. Empty, or one sentence.
QString saveRun(const GenerationRun&, const QString& path);

}  // namespace app
