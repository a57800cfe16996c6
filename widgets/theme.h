// The one visual language of Polecat: what each thing is called, what colour, line and marker it has, and which font.
// A Theme is a value. The application carries one (applyTheme); every plot and live number follows it.
#pragma once

#include <QColor>
#include <QEvent>
#include <QFont>
#include <QPen>
#include <QString>

class QApplication;
class QPalette;

namespace widgets {

// What is drawn, never how. The first group furnishes the window, the second names the data.
enum class Role {
  Surface,  // ground of plots, tables and text fields
  Panel,    // ground of the window around them
  Raised,   // buttons, tool tips, readouts
  Border,   // hairlines between the above
  Text,
  MutedText,  // tick labels, units, secondary lines
  Grid,
  Axis,
  Accent,     // focus, the order line, whatever is pointed at
  Selection,  // ground of selected rows
  Original,
  Distilled,
  Transformer,
  Residual,
  Bound,        // 2 x tail sum
  Certificate,  // what no model of the order can beat
  Unstable,
  Overlay1,  // compared methods and models, in the order of their list
  Overlay2,
  Overlay3,
  Overlay4,
  Overlay5,
  Overlay6,
  Overlay7,
};
inline constexpr int overlayCount = 7;
inline constexpr int roleCount = static_cast<int>(Role::Overlay1) + overlayCount;

enum class Marker { None, Disc, Circle, Square, Diamond, Triangle, Cross };

enum class Scheme { Light, Dark, HighContrast, System };

enum class TextSize { Caption, Body, Title, Large, Huge };

class Theme {
 public:
  Theme() : Theme(Scheme::Light, false, 1) {}
  // `System` decides light or dark from the palette's window colour.
  static Theme named(Scheme scheme, const QPalette& system);
  static Theme light();
  static Theme dark();
  static Theme highContrast();

  // The same theme with fonts, lines and markers enlarged; 1 is the desk, 2.2 a lecture hall. Held within 0.5 to 4.
  Theme scaled(double factor) const;

  bool isDark() const { return m_dark; }
  double scale() const { return m_scale; }
  Scheme scheme() const { return m_scheme; }

  QColor colour(Role role) const;
  // Colour, width and dashes of a data role, scaled. Original is solid, Distilled dashed, Transformer dash-dotted.
  QPen pen(Role role) const;
  Marker marker(Role role) const;
  double markerSize() const { return 6.0 * m_scale; }

  // Inter for words, JetBrains Mono where figures must keep their place.
  QFont font(TextSize size, QFont::Weight weight = QFont::Normal) const;
  QFont figures(TextSize size, QFont::Weight weight = QFont::Normal) const;
  // Multiples of the 4 px grid, scaled.
  int space(int steps) const;

  bool operator==(const Theme& other) const { return m_scheme == other.m_scheme && m_scale == other.m_scale; }

 private:
  Theme(Scheme scheme, bool dark, double scale) : m_scheme(scheme), m_dark(dark), m_scale(scale) {}

  Scheme m_scheme;
  bool m_dark;
  double m_scale;
};

// Loads the bundled fonts, sets Fusion, palette, font and style sheet, and tells every widget. May be called again at
// any time; costs one restyle of the open windows. A font that cannot be loaded is a qFatal: the program is damaged.
void applyTheme(QApplication& application, const Theme& theme);

// The theme last applied; light before that.
Theme applicationTheme();

// Sent to every widget when the theme has changed; read applicationTheme() on receipt.
QEvent::Type themeChangeEvent();

}  // namespace widgets
