// polecat plot: a figure of one filter without a window.
#include <CLI/CLI.hpp>
#include <QApplication>
#include <algorithm>
#include <memory>
#include <optional>

#include "analysis/error.h"
#include "app/commandline/figures.h"
#include "app/commandline/methodlist.h"
#include "app/commandline/offscreen.h"
#include "app/commandline/options.h"
#include "app/commandline/outputfile.h"
#include "app/commandline/source.h"
#include "app/commandline/table.h"
#include "app/commandline/verb.h"
#include "widgets/figurepage.h"
#include "widgets/theme.h"

namespace commandline {
namespace {

struct Options {
  CheckpointOptions source;
  std::filesystem::path target;
  std::string filter, view = "impulse", size = "960x600", theme = "light";
  std::optional<int> order;
  std::vector<std::string> methods;
  double scale = 1;
  bool json = false;
};

// Logical pixels from "WIDTHxHEIGHT", in pixels or with "cm" behind (96 pixels per inch); empty when it is neither.
QSize sizeOf(std::string text) {
  double perUnit = 1;
  if (text.ends_with("cm")) {
    perUnit = 96 / 2.54;
    text.resize(text.size() - 2);
  } else if (text.ends_with("px")) {
    text.resize(text.size() - 2);
  }
  const QStringList parts = QString::fromStdString(text).split('x');
  if (parts.size() != 2) return {};
  const double width = parts[0].toDouble() * perUnit, height = parts[1].toDouble() * perUnit;
  constexpr double least = 160, most = 8192;
  if (!(width >= least && width <= most && height >= least && height <= most)) return {};
  return {qRound(width), qRound(height)};
}

CLI::Validator isSize() {
  return CLI::Validator(
      [](std::string& text) {
        return sizeOf(text).isEmpty() ? "'" + text + "' is no size such as 960x600 or 16x10cm, from 160 to 8192 pixels"
                                      : std::string();
      },
      "");
}

widgets::Theme themeOf(const std::string& name) {
  if (name == "dark") return widgets::Theme::dark();
  return name == "contrast" ? widgets::Theme::highContrast() : widgets::Theme::light();
}

analysis::FilterId oneFilter(const analysis::Checkpoint& checkpoint, const std::string& expression) {
  const auto ids = checkpoint.parseFilters(expression);
  if (ids.size() == 1) return ids.front();
  throw UsageError("--filter " + expression + ": it names " + count(std::int64_t(ids.size())) +
                   " filters, and a figure shows one.");
}

FigureContent contentOf(const Options& options, const std::vector<FitMethod>& methods, const Surroundings& around) {
  const auto checkpoint = openFilters(options.source, around.stop);
  const analysis::Task task(around.stop);
  FigureContent content;
  content.filter = checkpoint->filter(oneFilter(*checkpoint, options.filter), task);
  content.provenance =
      QString::fromStdString(options.source.file.filename().string() + ", filter " + content.filter->name);
  if (options.order) {
    const std::vector<View> views = viewsOf(options.view);
    const bool wholeCurve = std::find(views.begin(), views.end(), View::hankel) != views.end();
    addFit(content, *options.order, wholeCurve, task);
    content.provenance += QStringLiteral(", order %1, relative error %2")
                              .arg(content.fit->model.order())
                              .arg(content.fit->errorRelative, 0, 'g', 3);
  }
  for (const FitMethod& method : methods) addOverlay(content, method, *options.order, task);
  if (options.view == "bank") content.bank = app::bankImage(*checkpoint, content.filter->id.bank, task);
  content.provenance += QStringLiteral(", polecat ") + POLECAT_VERSION;
  return content;
}

widgets::FigurePage page(const std::vector<std::unique_ptr<widgets::Plot>>& plots, const FigureContent& content) {
  widgets::FigurePage page{{}, content.provenance, {}, 2};
  for (const auto& plot : plots) page.plots.push_back(plot.get());
  return page;
}

void draw(const Options& options, const Surroundings& around) {
  if ((options.view == "poles" || options.view == "page") && !options.order) {
    throw UsageError("--view " + options.view + ": a filter has poles once it is fitted; say how many with --order.");
  }
  if (!options.methods.empty() && !options.order)
    throw UsageError("--method: methods are compared at one order; say which with --order.");
  if (!options.methods.empty() && options.view != "impulse" && options.view != "spectrum" && options.view != "page")
    throw UsageError("--method: fits are laid over --view impulse, spectrum and page.");
  std::vector<FitMethod> methods;
  for (const std::string& names : options.methods)
    for (FitMethod& method : methodsNamed(names)) methods.push_back(std::move(method));
  requireWritable(options.target);
  const FigureContent content = contentOf(options, methods, around);

  const auto application = makeOffscreenApplication();
  const widgets::Theme theme = themeOf(options.theme);
  widgets::applyTheme(*application, theme);

  std::vector<std::unique_ptr<widgets::Plot>> plots;
  for (const View view : viewsOf(options.view)) {
    plots.push_back(makeFigure(view, content, analysis::Task(around.stop)));
  }
  const widgets::ExportOptions how{sizeOf(options.size), options.scale, theme};
  writeFileBy(options.target, [&](const std::filesystem::path& temporary) {
    const QString path = QString::fromStdString(temporary.string());
    const QString failure =
        plots.size() == 1 ? plots.front()->exportTo(path, how) : exportPage(page(plots, content), path, how);
    if (failure.isEmpty()) return;
    throw analysis::Error(analysis::ErrorKind::output, options.target.string(), "the figure could not be written",
                          "check the free space and the permissions");
  });
  if (!options.json) return;
  nlohmann::ordered_json document = {{"schema", 1},
                                     {"file", options.source.file.string()},
                                     {"filter", content.filter->name},
                                     {"view", options.view},
                                     {"output", options.target.string()},
                                     {"widthPixels", how.size.width()},
                                     {"heightPixels", how.size.height()}};
  if (content.fit) {
    document["order"] = content.fit->model.order();
    document["errorRelative"] = content.fit->errorRelative;
  }
  print(document);
}

}  // namespace

void addPlot(CLI::App& parent, Action& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = parent.add_subcommand("plot", "Draw a figure of one filter, without a window");
  addCheckpoint(*verb, options->source);
  addBank(*verb, options->source);
  verb->add_option("-o,--output", options->target, "Figure (.png, .svg or .pdf)")
      ->required()
      ->type_name("FIG")
      ->check(extension({".png", ".svg", ".pdf"}));
  verb->add_option("--filter", options->filter, "Which filter, as LAYER.CHANNEL")->required()->type_name("F");
  verb->add_option("--view", options->view, "What to draw")
      ->type_name("VIEW")
      ->check(CLI::IsMember(viewNames()))
      ->capture_default_str();
  verb->add_option("--order", options->order, "Draw the fit with so many real states over it")
      ->type_name("N")
      ->check(whole(1, 4096));
  verb->add_option("--method", options->methods, "Lay the fits of other methods over it: a name or a comma list")
      ->type_name("NAME");
  verb->add_option("--size", options->size, "Width and height in pixels, or in cm as in 16x10cm")
      ->type_name("WxH")
      ->check(isSize())
      ->capture_default_str();
  verb->add_option("--scale", options->scale, "Pixels of a .png per pixel of --size")
      ->type_name("S")
      ->check(from(1, 4))
      ->capture_default_str();
  verb->add_option("--theme", options->theme, "Colours")
      ->type_name("THEME")
      ->check(CLI::IsMember({"light", "dark", "contrast"}))
      ->capture_default_str();
  addJson(*verb, options->json);
  verb->callback([options, &chosen] { chosen = [options](const Surroundings& around) { draw(*options, around); }; });
}

}  // namespace commandline
