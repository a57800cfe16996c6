// The command line that does what an action of the window did, ready to paste into a shell.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "engine/workload.h"

namespace app {

// A word as a POSIX shell reads it back: bare when harmless, else in single quotes.
std::string shellWord(std::string_view);

// The file, read the way it is open.
struct OpenedFile {
  std::string path;
  analysis::Choices choices;
};

std::string inspectCommand(const OpenedFile&, const std::string& filterName);
// `view` as 'polecat plot --view' has it; order 0: without a fit.
std::string plotCommand(const OpenedFile&, const std::string& filterName, const std::string& view, int order,
                        const std::string& figure);
// One order per filter, bank after bank; 0 keeps the original. `band` and `text` as 'polecat distill --weight' and
// '--weight-text' have them; empty: every frequency alike.
std::string distillCommand(const OpenedFile&, const analysis::Checkpoint&, const std::vector<int>& orders,
                           const std::string& output, const std::string& band = {}, const std::string& text = {});
// The smallest orders within the tolerance for these filters, or for all when there are none.
std::string toleranceCommand(const OpenedFile&, const analysis::Checkpoint&, const std::vector<analysis::FilterId>&,
                             double tolerance, int maxOrder, const std::string& output, const std::string& band = {},
                             const std::string& text = {});
// `methods` as 'polecat compare --methods' has them; empty: its default.
std::string compareCommand(const OpenedFile&, const std::string& filterName, int order,
                           const std::vector<std::string>& methods);
// device empty: the default of the command line. distilled empty: the original alone. With `compare`, all modes side by
// side.
std::string generateCommand(const OpenedFile&, const std::string& prompt, const engine::Workload&, int tokens,
                            const std::string& device, const std::string& distilled, bool compare);
std::string evaluateCommand(const OpenedFile&, const std::string& text, int windows, const std::string& distilled);

}  // namespace app
