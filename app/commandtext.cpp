#include "app/commandtext.h"

#include <algorithm>
#include <charconv>

#include "app/commandline/orderlist.h"

namespace app {
namespace {

class Command {
 public:
  Command(const std::string& verb, const OpenedFile& file) : m_text("polecat " + verb) {
    add(file.path);
    for (const auto& [name, value] : file.choices) add("--set", name + "=" + value);
  }
  void add(const std::string& word) { m_text += ' ' + shellWord(word); }
  void add(const std::string& option, const std::string& value) {
    add(option);
    add(value);
  }
  const std::string& text() const { return m_text; }

 private:
  std::string m_text;
};

// The shortest digits that read back the same.
std::string exact(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

std::string shellWord(std::string_view word) {
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:,=+@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), harmless)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string inspectCommand(const OpenedFile& file, const std::string& filterName) {
  Command command("inspect", file);
  command.add("--filter", filterName);
  return command.text();
}

std::string plotCommand(const OpenedFile& file, const std::string& filterName, const std::string& view, int order,
                        const std::string& figure) {
  Command command("plot", file);
  command.add("--filter", filterName);
  command.add("--view", view);
  if (order > 0) command.add("--order", std::to_string(order));
  command.add("-o", figure);
  return command.text();
}

std::string distillCommand(const OpenedFile& file, const analysis::Checkpoint& checkpoint,
                           const std::vector<int>& orders, const std::string& output, const std::string& band,
                           const std::string& text) {
  Command command("distill", file);
  const bool uniform = !orders.empty() && std::all_of(orders.begin(), orders.end(),
                                                      [&](int order) { return order > 0 && order == orders.front(); });
  if (uniform) {
    command.add("--order", std::to_string(orders.front()));
  } else {
    std::vector<commandline::FilterOrder> plan;
    std::size_t row = 0;
    for (int bank = 0; bank < int(checkpoint.banks().size()); ++bank) {
      for (int channel = 0; channel < checkpoint.banks()[bank].channels; ++channel, ++row) {
        if (orders.at(row) > 0) plan.push_back({{bank, channel}, orders[row]});
      }
    }
    command.add("--orders", commandline::orderList(checkpoint, plan));
  }
  if (!band.empty()) command.add("--weight", band);
  if (!text.empty()) command.add("--weight-text", text);
  command.add("-o", output);
  return command.text();
}

std::string generateCommand(const OpenedFile& file, const std::string& prompt, const engine::Workload& workload,
                            int tokens, const std::string& device, const std::string& distilled, bool compare) {
  Command command("generate", file);
  command.add("--prompt", prompt);
  command.add("--tokens", std::to_string(tokens));
  command.add("--seed", std::to_string(workload.seed));
  const engine::Sampling plain;
  if (workload.sampling.temperature != plain.temperature) {
    command.add("--temperature", exact(workload.sampling.temperature));
  }
  if (workload.sampling.topK != plain.topK) command.add("--top-k", std::to_string(workload.sampling.topK));
  if (workload.sampling.topP != plain.topP) command.add("--top-p", exact(workload.sampling.topP));
  if (!device.empty()) command.add("--device", device);
  if (!distilled.empty()) command.add("--distilled", distilled);
  if (compare) command.add("--compare");
  return command.text();
}

std::string evaluateCommand(const OpenedFile& file, const std::string& text, int windows,
                            const std::string& distilled) {
  Command command("evaluate", file);
  command.add("--text", text);
  if (windows > 0) command.add("--windows", std::to_string(windows));
  if (!distilled.empty()) command.add("--distilled", distilled);
  return command.text();
}

}  // namespace app
