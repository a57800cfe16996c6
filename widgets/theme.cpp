#include "widgets/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QPalette>
#include <QProxyStyle>
#include <QTableView>
#include <QVariant>
#include <QWidget>
#include <algorithm>
#include <array>
#include <cmath>

#include "widgets/stylesheet.h"

// Outside the namespace, as Qt asks: the resources of a static library must be pulled in by name.
static void initialiseResources() {
  Q_INIT_RESOURCE(widgets);
}

namespace widgets {
namespace {

struct Colours {
  QRgb light;
  QRgb dark;
  QRgb contrast;
};

// Data colours follow Okabe and Ito (2008), darkened on white and lightened on black until they have a contrast of at
// least 3 against the surface (WCAG 2.1, 1.4.11); tests/widgets/test_theme holds them to that.
constexpr std::array<Colours, roleCount> palette = {{
    {0xffffffff, 0xff15181e, 0xff000000},  // Surface
    {0xfff3f4f7, 0xff1d2128, 0xff000000},  // Panel
    {0xffffffff, 0xff2a303a, 0xff1a1a1a},  // Raised
    {0xffd6dae1, 0xff39404c, 0xff8a8a8a},  // Border
    {0xff1b2130, 0xffe8ebf0, 0xffffffff},  // Text
    {0xff5c6474, 0xffa2abba, 0xffe0e0e0},  // MutedText
    {0xffe9ecf1, 0xff262c36, 0xff3a3a3a},  // Grid
    {0xff9aa2b1, 0xff5b6575, 0xffc8c8c8},  // Axis
    {0xff4a4fc4, 0xff9fa5ff, 0xffc3c6ff},  // Accent
    {0xffdfe2fa, 0xff343a63, 0xff3a3f8f},  // Selection
    {0xff0072b2, 0xff56b4e9, 0xff6cc5ff},  // Original
    {0xffd06400, 0xfff0a030, 0xffffb733},  // Distilled
    {0xff00805e, 0xff2fc496, 0xff3fe0ae},  // Transformer
    {0xffa54a80, 0xffd990b8, 0xffffb0dc},  // Residual
    {0xff7a8494, 0xff8b95a5, 0xffd0d0d0},  // Bound
    {0xff515a6b, 0xffb4bdcb, 0xffffffff},  // Certificate
    {0xffc8102e, 0xffff6b6b, 0xffff8080},  // Unstable
    {0xff7b4fb5, 0xffb794f6, 0xffcdb4ff},  // Overlay1: purple
    {0xff008299, 0xff4fd1e0, 0xff7fe9f5},  // teal
    {0xff7a7a00, 0xffd6d04a, 0xfff0e442},  // olive
    {0xffb8325a, 0xfff58aa8, 0xffffa3bd},  // rose
    {0xff8a5a2b, 0xffd3a374, 0xffe8c39e},  // brown
    {0xff3f6d8f, 0xff9ab8d0, 0xffc2d8ea},  // steel
    {0xff4e7d1f, 0xffa5d16b, 0xffc3ea8c},  // leaf
}};

constexpr std::array<double, 5> pixelSizes = {11, 13, 14, 20, 34};

QFont sized(const QString& family, double pixels, QFont::Weight weight) {
  QFont font(family);
  font.setPixelSize(std::max(1, static_cast<int>(std::lround(pixels))));
  font.setWeight(weight);
  font.setHintingPreference(QFont::PreferNoHinting);
  return font;
}

void loadFonts() {
  static const bool loaded = [] {
    initialiseResources();
    for (const char* file : {"Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "JetBrainsMono-Regular.ttf",
                             "JetBrainsMono-SemiBold.ttf"}) {
      if (QFontDatabase::addApplicationFont(QStringLiteral(":/polecat/fonts/") + file) < 0) {
        qFatal("Cannot load the bundled font %s: the program file is damaged; install Polecat again.", file);
      }
    }
    return true;
  }();
  Q_UNUSED(loaded)
}

QPalette paletteOf(const Theme& theme) {
  QPalette result;
  const auto set = [&](QPalette::ColorRole target, Role role) { result.setColor(target, theme.colour(role)); };
  set(QPalette::Window, Role::Panel);
  set(QPalette::WindowText, Role::Text);
  set(QPalette::Base, Role::Surface);
  set(QPalette::AlternateBase, Role::Panel);
  set(QPalette::Text, Role::Text);
  set(QPalette::PlaceholderText, Role::MutedText);
  set(QPalette::Button, Role::Raised);
  set(QPalette::ButtonText, Role::Text);
  set(QPalette::ToolTipBase, Role::Raised);
  set(QPalette::ToolTipText, Role::Text);
  set(QPalette::Highlight, Role::Selection);
  set(QPalette::HighlightedText, Role::Text);
  set(QPalette::Link, Role::Accent);
  set(QPalette::LinkVisited, Role::Accent);
  set(QPalette::Mid, Role::Border);
  set(QPalette::BrightText, Role::Unstable);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    QColor faded = theme.colour(Role::MutedText);
    faded.setAlphaF(0.6F);
    result.setColor(QPalette::Disabled, role, faded);
  }
  return result;
}

constexpr char schemeProperty[] = "polecatScheme";
constexpr char scaleProperty[] = "polecatScale";

Theme schemeTheme(Scheme scheme) {
  switch (scheme) {
    case Scheme::Dark:
      return Theme::dark();
    case Scheme::HighContrast:
      return Theme::highContrast();
    case Scheme::Light:
    case Scheme::System:
      break;
  }
  return Theme::light();
}

int cellMargin = 8;  // of the theme that is applied: asked for at every cell that is painted

// Fusion, but that cells of a table stand as far from their edges as the words of its header (see the style sheet).
class HouseStyle : public QProxyStyle {
 public:
  HouseStyle() : QProxyStyle(QStringLiteral("Fusion")) {}
  int pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const override {
    if (metric == PM_FocusFrameHMargin && qobject_cast<const QTableView*>(widget)) return cellMargin - 1;
    return QProxyStyle::pixelMetric(metric, option, widget);
  }
};

}  // namespace

Theme Theme::light() {
  return Theme(Scheme::Light, false, 1);
}
Theme Theme::dark() {
  return Theme(Scheme::Dark, true, 1);
}
Theme Theme::highContrast() {
  return Theme(Scheme::HighContrast, true, 1);
}

Theme Theme::named(Scheme scheme, const QPalette& system) {
  if (scheme != Scheme::System) return schemeTheme(scheme);
  return system.color(QPalette::Window).lightnessF() < 0.5F ? dark() : light();
}

Theme Theme::scaled(double factor) const {
  return Theme(m_scheme, m_dark, std::isfinite(factor) ? std::clamp(factor, 0.5, 4.0) : 1.0);
}

QColor Theme::colour(Role role) const {
  const Colours& colours = palette[static_cast<size_t>(role)];
  return QColor::fromRgb(m_scheme == Scheme::HighContrast ? colours.contrast : m_dark ? colours.dark : colours.light);
}

QPen Theme::pen(Role role) const {
  QPen pen(colour(role), 1.6 * m_scale);
  pen.setCapStyle(Qt::FlatCap);
  pen.setJoinStyle(Qt::RoundJoin);
  switch (role) {
    case Role::Original:
      pen.setWidthF(2.0 * m_scale);
      break;
    case Role::Distilled:
      pen.setDashPattern({5, 2.5});
      break;
    case Role::Transformer:
      pen.setDashPattern({7, 2, 1.5, 2});
      break;
    case Role::Bound:
      pen.setDashPattern({1.5, 2});
      break;
    case Role::Residual:
    case Role::Certificate:
      pen.setWidthF(1.3 * m_scale);
      break;
    case Role::Axis:
    case Role::Grid:
    case Role::Border:
      pen.setWidthF(1.0 * m_scale);
      break;
    default:
      break;
  }
  if (role >= Role::Overlay1) {
    static const std::array<QVector<qreal>, overlayCount> dashes = {
        {{}, {9, 2.5}, {3, 1.5}, {9, 2, 1.5, 2}, {1.5, 1.5}, {6, 2, 1.5, 2, 1.5, 2}, {12, 3}}};
    const auto& pattern = dashes[static_cast<size_t>(role) - static_cast<size_t>(Role::Overlay1)];
    if (!pattern.isEmpty()) pen.setDashPattern(pattern);
  }
  return pen;
}

Marker Theme::marker(Role role) const {
  switch (role) {
    case Role::Original:
      return Marker::Disc;
    case Role::Distilled:
      return Marker::Square;
    case Role::Transformer:
      return Marker::Triangle;
    case Role::Residual:
      return Marker::Circle;
    case Role::Certificate:
      return Marker::Diamond;
    case Role::Unstable:
      return Marker::Cross;
    default:
      break;
  }
  if (role < Role::Overlay1) return Marker::None;
  static constexpr std::array<Marker, 4> markers = {Marker::Circle, Marker::Diamond, Marker::Triangle, Marker::Square};
  return markers[(static_cast<size_t>(role) - static_cast<size_t>(Role::Overlay1)) % markers.size()];
}

QFont Theme::font(TextSize size, QFont::Weight weight) const {
  return sized(QStringLiteral("Inter"), pixelSizes[static_cast<size_t>(size)] * m_scale, weight);
}

QFont Theme::figures(TextSize size, QFont::Weight weight) const {
  return sized(QStringLiteral("JetBrains Mono"), pixelSizes[static_cast<size_t>(size)] * m_scale, weight);
}

int Theme::space(int steps) const {
  return static_cast<int>(std::lround(4 * steps * m_scale));
}

void applyTheme(QApplication& application, const Theme& theme) {
  loadFonts();
  const bool known = application.property(schemeProperty).isValid();
  application.setProperty(schemeProperty, static_cast<int>(theme.scheme()));
  application.setProperty(scaleProperty, theme.scale());
  application.setStyleSheet({});  // while a sheet is set, widgets keep the font they have
  cellMargin = theme.space(2);
  if (!known) application.setStyle(new HouseStyle);
  application.setPalette(paletteOf(theme));
  application.setFont(theme.font(TextSize::Body));
  application.setStyleSheet(styleSheet(theme));
  const QWidgetList all = QApplication::allWidgets();
  for (QWidget* widget : all) {
    QEvent change(themeChangeEvent());
    QApplication::sendEvent(widget, &change);
  }
}

Theme applicationTheme() {
  const QVariant scheme = qApp ? qApp->property(schemeProperty) : QVariant();
  if (!scheme.isValid()) return Theme::light();
  return schemeTheme(static_cast<Scheme>(scheme.toInt())).scaled(qApp->property(scaleProperty).toDouble());
}

QEvent::Type themeChangeEvent() {
  static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
  return type;
}

}  // namespace widgets
