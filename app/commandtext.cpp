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
  void addWeight(const std::string& band, const std::string& text) {
    if (!band.empty()) add("--weight", band);
    if (!text.empty()) add("--weight-text", text);
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
  command.addWeight(band, text);
  command.add("-o", output);
  return command.text();
}

std::string toleranceCommand(const OpenedFile& file, const analysis::Checkpoint& checkpoint,
                             const std::vector<analysis::FilterId>& filters, double tolerance, int maxOrder,
                             const std::string& output, const std::string& band, const std::string& text) {
  Command command("distill", file);
  command.add("--tolerance", exact(tolerance));
  command.add("--max-order", std::to_string(maxOrder));
  std::string names;
  for (const analysis::FilterId id : filters) {
    const analysis::Bank& bank = checkpoint.banks().at(static_cast<std::size_t>(id.bank));
    const auto whole = std::count_if(filters.begin(), filters.end(), [&](auto other) { return other.bank == id.bank; });
    const std::string name = checkpoint.filterName(id);
    if (whole < bank.channels)
      names += ',' + name;
    else if (id.channel == 0)
      names += ',' + name.substr(0, name.rfind('.')) + ".*";
  }
  if (!names.empty()) command.add("--filters", names.substr(1));
  command.addWeight(band, text);
  command.add("-o", output);
  return command.text();
}

std::string compareCommand(const OpenedFile& file, const std::string& filterName, int order,
                           const std::vector<std::string>& methods) {
  Command command("compare", file);
  command.add("--filter", filterName);
  command.add("--orders", std::to_string(order));
  std::string list;
  for (const std::string& method : methods) list += (list.empty() ? "" : ",") + method;
  if (!list.empty()) command.add("--methods", list);
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
