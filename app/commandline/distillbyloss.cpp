#include "app/commandline/distillbyloss.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "analysis/error.h"
#include "app/commandline/options.h"
#include "app/commandline/progress.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"
#include "engine/levels.h"

namespace commandline {
namespace {

using nlohmann::ordered_json;

engine::EvaluationRequest textRequest(const Loaded& loaded, const std::filesystem::path& text, int windows) {
  engine::EvaluationRequest request;
  request.tokens = loaded.tokenizer->encode(readText(text));
  request.windows = windows;
  request.windowTokens = loaded.original->trainingLengthTokens();
  const auto fitting = (std::int64_t(request.tokens.size()) - 1) / std::max(1, request.windowTokens);
  if (fitting >= std::max(1, windows)) return request;
  throw analysis::Error(analysis::ErrorKind::input, text.string(),
                        "it holds " + count(std::int64_t(request.tokens.size())) + " tokens, and " +
                            count(std::max(1, windows)) + " windows of " + count(request.windowTokens) +
                            " and one token to predict are asked for",
                        "give a longer text or fewer --windows");
}

std::vector<engine::InputStatistics> recorded(const Loaded& loaded, const LossOptions& options, std::stop_token stop) {
  const Progress progress("recording inputs", 100, "%");
  return engine::inputStatistics(loaded.original, textRequest(loaded, options.refitText, options.windows),
                                 progress.task(stop));
}

const char* kindOf(engine::PlanPoint::Kind kind) {
  switch (kind) {
    case engine::PlanPoint::Kind::uniformOrder:
      return "uniform order";
    case engine::PlanPoint::Kind::uniformTolerance:
      return "uniform tolerance";
    case engine::PlanPoint::Kind::byEffect:
      return "by effect";
  }
  return "";
}

}  // namespace

void addLossOptions(CLI::App& verb, LossOptions& options) {
  verb.add_option("--max-loss", options.maxLoss,
                  "Fewest states whose measured loss on --text stays within this many bits per token of the original")
      ->type_name("BITS")
      ->check(above(0, 100));
  verb.add_option("--text", options.text, "Text on which --max-loss is measured; - reads standard input")
      ->type_name("T");
  verb.add_option("--windows", options.windows, "Windows of the text, from its start; default: as many as fit")
      ->type_name("N")
      ->check(whole(1, 1 << 24));
  verb.add_option("--refit-text", options.refitText,
                  "Refit the residues to what the model feeds its filters on this text: least output error")
      ->type_name("T");
}

engine::LossPlan distilByLoss(const CheckpointOptions& source, const LossOptions& options, int maxOrder,
                              analysis::Effort effort, int threads, std::stop_token stop) {
  if (options.text.empty()) throw UsageError("--max-loss: name the text to measure it on with --text.");
  const Loaded loaded = loadModel(source, {}, stop);
  engine::LossPlanRequest request;
  request.maxLossBits = *options.maxLoss;
  request.text = textRequest(loaded, options.text, options.windows);
  std::vector<analysis::Distilled> levels;
  {
    const Progress progress("distilling", loaded.checkpoint->filterCount(), "filters");
    levels = engine::distilledLevels(*loaded.checkpoint, engine::levelOrders(maxOrder), effort, threads,
                                     progress.task(stop));
  }
  if (!options.refitText.empty()) {
    const auto statistics = recorded(loaded, options, stop);
    for (auto& level : levels)
      level = engine::refittedToInputs(*loaded.checkpoint, level, statistics, analysis::Task(stop));
  }
  const Progress progress("planning", 100, "%");
  auto plan = engine::planByLoss(*loaded.checkpoint, loaded.original, levels, request, progress.task(stop));
  analysis::DistilRequest asked;
  asked.order = maxOrder;
  asked.effort = effort;
  for (const auto& [key, value] : analysis::distilMetadata(*loaded.checkpoint, asked, analysis::Task(stop)))
    plan.distilled.metadata.emplace(key, value);
  plan.distilled.metadata["plan"] = nlohmann::json{
      {"max_loss_bits", *options.maxLoss},
      {"measured_bits", plan.loss.bits},
      {"standard_error_bits", plan.loss.spreadBits},
      {"text", options.text.filename().string()},
      {"max_order", maxOrder}}.dump();
  return plan;
}

void printPlan(const engine::LossPlan& plan, double maxLoss) {
  Table table({"<plan", "setting", "states", "loss/(bits/token)", "standard error"});
  for (const auto& point : plan.points)
    table.row({kindOf(point.kind), number(point.setting), count(point.states), number(point.loss.bits),
               number(point.loss.spreadBits)});
  table.print(std::cout);
  std::cout << "\nbound " << number(maxLoss) << ", original " << number(plan.originalBits, 5) << " bits/token; kept "
            << count(plan.states) << " states, " << number(plan.loss.bits) << " +- " << number(plan.loss.spreadBits)
            << " bits/token above it\n\n";
}

ordered_json planJson(const engine::LossPlan& plan, double maxLoss) {
  ordered_json points = ordered_json::array();
  for (const auto& point : plan.points)
    points.push_back({{"kind", kindOf(point.kind)},
                      {"setting", point.setting},
                      {"states", point.states},
                      {"lossBitsPerToken", point.loss.bits},
                      {"standardErrorBits", point.loss.spreadBits}});
  return {{"maxLossBitsPerToken", maxLoss},
          {"originalBitsPerToken", plan.originalBits},
          {"lossBitsPerToken", plan.loss.bits},
          {"standardErrorBits", plan.loss.spreadBits},
          {"points", std::move(points)}};
}

std::vector<engine::InputStatistics> inputsOn(const CheckpointOptions& source, const std::filesystem::path& text,
                                              int windows, std::stop_token stop) {
  LossOptions options;
  options.refitText = text;
  options.windows = windows;
  return recorded(loadModel(source, {}, stop), options, stop);
}

analysis::Distilled refitted(const CheckpointOptions& source, const LossOptions& options,
                             const analysis::Distilled& distilled, std::stop_token stop) {
  const Loaded loaded = loadModel(source, {}, stop);
  return engine::refittedToInputs(*loaded.checkpoint, distilled, recorded(loaded, options, stop), analysis::Task(stop));
}

}  // namespace commandline
